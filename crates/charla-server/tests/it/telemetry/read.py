"""Reads OTLP requests, one hexadecimal line each, by OpenTelemetry's own package; prints their spans, one JSON object a line.

Fails on what that package does not know: a field that is not in the specification is a mistake.
"""

import json
import sys

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def known(message):
    unknown = [field.field_number for field in UnknownFieldSet(message)]
    assert not unknown, f"{type(message).__name__} has no fields {unknown}"
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                known(inner)


def said(attributes):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def place(span):
    return {"trace": span.trace_id.hex(), "span": span.span_id.hex()}


for line in sys.stdin:
    request = ExportTraceServiceRequest()
    request.ParseFromString(bytes.fromhex(line))
    known(request)
    for resource in request.resource_spans:
        about = said(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                record = place(span) | {
                    "resource": about,
                    "scope": scope.scope.name,
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": type(span).SpanKind.Name(span.kind),
                    "began": span.start_time_unix_nano,
                    "ended": span.end_time_unix_nano,
                    "said": said(span.attributes),
                    "links": [place(link) for link in span.links],
                    "status": type(span.status).StatusCode.Name(span.status.code),
                    "why": span.status.message,
                    "sampled": span.flags & 1 == 1,
                }
                print(json.dumps(record))
