//! Consumers as projects write them: who may enter as SQL, groups and events.

use std::path::{Path, PathBuf};

use super::super::files::Held;
use super::{Survey, of};

const MODELS: &str = "\
from django.conf import settings
from django.db import models

class Room(models.Model):
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name='rooms')
    open = models.BooleanField(default=True)

    def lets_in(self, user):
        return user.is_staff or user.pk == self.owner_id

class Seat(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name='seats', db_column='room_ref')
    person = models.ForeignKey('auth.User', on_delete=models.CASCADE)
";

/// A project whose consumer has these lines in `connect`, and these methods besides.
fn surveyed(connect: &str, more: &str) -> Survey {
    let indented = |text: &str, by: usize| {
        let lines: Vec<String> = text
            .lines()
            .map(|line| format!("{}{line}", " ".repeat(by)))
            .collect();
        lines.join("\n")
    };
    let consumer = format!(
        "from channels.generic.websocket import AsyncJsonWebsocketConsumer\n\
         from .models import Room, Seat\n\
         class C(AsyncJsonWebsocketConsumer):\n    async def connect(self):\n        \
         self.room_id = self.scope['url_route']['kwargs']['room_id']\n        user = self.scope['user']\n        \
         room = await Room.objects.filter(pk=self.room_id).afirst()\n{}\n{}\n",
        indented(connect, 8),
        indented(more, 4),
    );
    let files = [
        ("manage.py", String::new()),
        (
            "settings.py",
            "INSTALLED_APPS = ['django.contrib.auth', 'talk']\n".to_owned(),
        ),
        ("talk/models.py", MODELS.to_owned()),
        ("talk/consumers.py", consumer),
    ];
    let held = files.map(|(path, text)| (PathBuf::from("/srv").join(path), text));
    of(&Held(held.into_iter().collect()), Path::new("/srv"), None, None).unwrap()
}

/// What a consumer asks before it closes, and the SQL of who may enter; `None` where it stays open.
const RULES: &[(&str, Option<&str>)] = &[
    ("not room.lets_in(user)", Some("u.is_staff OR u.id = c.owner_id")),
    ("room.owner != user", Some("c.owner_id = u.id")),
    (
        "not (room.owner_id == user.id and room.open)",
        Some("c.owner_id = u.id AND c.open"),
    ),
    (
        "not room.open or user.is_superuser",
        Some("c.open AND NOT u.is_superuser"),
    ),
    (
        "not await room.members.filter(pk=user.pk).aexists()",
        Some(
            "EXISTS (SELECT 1 FROM talk_room_members t JOIN auth_user m ON m.id = t.user_id WHERE t.room_id = c.id AND m.id = u.id)",
        ),
    ),
    (
        "not Seat.objects.filter(room_id=self.room_id, person=user).exists()",
        Some("EXISTS (SELECT 1 FROM talk_seat m WHERE m.room_ref = c.id AND m.person_id = u.id)"),
    ),
    (
        "not room.seats.filter(person=user).exists()",
        Some("EXISTS (SELECT 1 FROM talk_seat m WHERE m.room_ref = c.id AND m.person_id = u.id)"),
    ),
    (
        "not user.rooms.filter(id=self.room_id).exists()",
        Some(
            "EXISTS (SELECT 1 FROM talk_room_members t JOIN talk_room m ON m.id = t.room_id WHERE t.user_id = u.id AND m.id = c.id)",
        ),
    ),
    ("user.username not in ('ana', \"o'hara\")", None),
    (
        "not user.has_perm('talk.enter')",
        Some(
            "(u.is_superuser OR EXISTS (SELECT 1 FROM auth_permission p JOIN django_content_type k ON k.id = p.content_type_id \
         WHERE k.app_label = 'talk' AND p.codename = 'enter' AND (\
         EXISTS (SELECT 1 FROM auth_user_user_permissions t WHERE t.permission_id = p.id AND t.user_id = u.id) OR \
         EXISTS (SELECT 1 FROM auth_user_groups t JOIN auth_group_permissions g ON g.group_id = t.group_id \
         WHERE g.permission_id = p.id AND t.user_id = u.id))))",
        ),
    ),
    ("not user.has_perm('talk.enter', room)", None),
    ("not user.has_perm(name)", None),
    (
        "not Room.objects.filter(Q(owner=user) | Q(members=user), pk=self.room_id).exists()",
        Some(
            "(c.owner_id = u.id OR EXISTS (SELECT 1 FROM talk_room_members t WHERE t.room_id = c.id AND t.user_id = u.id))",
        ),
    ),
    (
        "not Room.objects.filter(~Q(owner=user, open=False) & Q(pk=self.room_id)).exists()",
        Some(
            "EXISTS (SELECT 1 FROM talk_room m WHERE (NOT COALESCE((m.owner_id = u.id AND m.open = FALSE), FALSE) AND m.id = c.id))",
        ),
    ),
    (
        "not Room.objects.filter(pk=self.room_id, seats__person=user).exists()",
        Some("EXISTS (SELECT 1 FROM talk_seat r WHERE r.room_ref = c.id AND r.person_id = u.id)"),
    ),
    // Both are about one seat, which two questions would not be.
    (
        "not Room.objects.filter(pk=self.room_id, seats__person=user, seats__id=3).exists()",
        None,
    ),
    ("not Room.objects.filter(*rules, pk=self.room_id).exists()", None),
    (
        "not Seat.objects.filter(room_id=self.room_id, person__username__in=['ana', 'eva']).exists()",
        Some(
            "EXISTS (SELECT 1 FROM talk_seat m WHERE m.room_ref = c.id AND \
         EXISTS (SELECT 1 FROM auth_user r WHERE r.id = m.person_id AND r.username IN ('ana', 'eva')))",
        ),
    ),
    ("not await elsewhere.may_enter(user, room)", None),
    ("user.is_anonymous", None),
];

#[test]
fn who_may_enter_becomes_sql_where_it_is_made_of_columns() {
    let close = "    await self.close(4403)\n    return";
    for &(asked, expected) in RULES {
        let survey = surveyed(&format!("if {asked}:\n{close}"), "");
        let entry = survey.entry.unwrap();
        assert_eq!(entry.condition.as_deref(), expected, "{asked}");
        let silent = expected.is_some() || asked == "user.is_anonymous";
        assert_eq!(entry.unclear.is_empty(), silent, "{asked}: {:?}", entry.unclear);
    }
}

#[test]
fn nothing_is_made_up_of_a_function_that_asks_elsewhere() {
    let survey = surveyed(
        "if not await self.allowed(user):\n    return await self.close(4403)",
        "async def allowed(self, user):\n    answer = await client.get('https://rules/')\n    return answer.json()['ok']",
    );
    let entry = survey.entry.unwrap();
    assert_eq!((entry.condition, entry.staff), (None, None));
    assert_eq!(entry.unclear.len(), 1, "{:?}", entry.unclear);
}

#[test]
fn groups_are_told_as_templates() {
    for (written, expected) in [
        ("f'room_{self.room_id}'", "room_{chat}"),
        ("'room_%s' % self.room_id", "room_{chat}"),
        ("'room_' + str(self.room_id)", "room_{chat}"),
        (
            "'{}.room_{}'.format(self.scope['tenant'], room.pk)",
            "{tenant}.room_{chat}",
        ),
        ("f'user.{user.pk}'", "user.{user}"),
        ("name_of(self.room_id)", "{?}"),
        ("'everybody'", "everybody"),
    ] {
        let survey = surveyed(
            &format!("await self.channel_layer.group_add({written}, self.channel_name)"),
            "",
        );
        let names: Vec<&str> = survey.groups.iter().map(|group| group.text.as_str()).collect();
        assert_eq!(names, [expected], "{written}");
    }
}

#[test]
fn a_recursion_in_the_project_ends() {
    let survey = surveyed(
        "self.a = self.b\nself.b = self.a\nif not self.allowed(user):\n    await self.close(4403)\nawait self.channel_layer.group_add(self.a, self.channel_name)",
        "def allowed(self, user):\n    return self.allowed(user)",
    );
    assert_eq!(survey.entry.unwrap().condition, None);
}
