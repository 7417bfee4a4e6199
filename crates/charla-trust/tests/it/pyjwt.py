"""Verifies each signature, and signs a token with each key, as applications do with PyJWT."""

import json
import sys

import jwt
from jwt.algorithms import get_default_algorithms

told = []
for row in json.load(sys.stdin):
    algorithm = get_default_algorithms()[row["algorithm"]]
    public = algorithm.prepare_key(row["public"])
    told.append(
        {
            "verified": algorithm.verify(row["message"].encode(), public, bytes(row["signature"])),
            "token": jwt.encode({"user_id": 42}, row["private"], algorithm=row["algorithm"]),
            "jwk": algorithm.to_jwk(public, as_dict=True),
        }
    )
json.dump(told, sys.stdout)
