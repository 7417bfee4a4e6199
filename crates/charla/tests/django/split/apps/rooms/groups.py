def room_group(org, room):
    return "{}.room.{}".format(org, room)
