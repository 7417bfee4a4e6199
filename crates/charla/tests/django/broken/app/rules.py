import requests


def allowed(user, chat):
    answer = requests.get(f"https://rules.internal/{chat}/{user.id}")
    return answer.json()["allowed"]
