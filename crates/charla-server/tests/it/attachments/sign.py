"""The signatures of addresses, and those that botocore makes of the same."""

import datetime
import json
import sys
from urllib.parse import parse_qsl, urlsplit

import botocore.auth
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

asked = json.loads(sys.argv[1])
found = []
for each in asked["urls"]:
    parts = urlsplit(each["url"])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    at = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    for name in ("get_current_datetime", "get_current_datetime_utc"):
        if hasattr(botocore.auth, name):
            setattr(botocore.auth, name, lambda *_, **__: at)
    headers = dict(each["headers"])
    if "length" in each:
        headers["content-length"] = each["length"]
    own = {name: value for name, value in query.items() if not name.startswith("X-Amz-")}
    request = AWSRequest(
        method=each["method"],
        url=f"{parts.scheme}://{parts.netloc}{parts.path}",
        params=own,
        headers=headers,
    )
    request = AWSRequest(method=each["method"], url=request.prepare().url, headers=headers)
    auth = S3SigV4QueryAuth(
        Credentials(asked["key"], asked["secret"]), "s3", "us-east-1", expires=int(query["X-Amz-Expires"])
    )
    auth.add_auth(request)
    theirs = dict(parse_qsl(urlsplit(request.url).query))
    assert theirs["X-Amz-Date"] == query["X-Amz-Date"], (theirs["X-Amz-Date"], query["X-Amz-Date"])
    assert theirs["X-Amz-SignedHeaders"] == query["X-Amz-SignedHeaders"], theirs
    found.append([query["X-Amz-Signature"], theirs["X-Amz-Signature"]])
print(json.dumps(found))
