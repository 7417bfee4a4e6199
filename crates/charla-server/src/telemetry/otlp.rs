//! Spans as OTLP writes them: `ExportTraceServiceRequest` in Protocol Buffers, field by field.
//!
//! By hand, because it is five message types: the field numbers are those of `opentelemetry/proto/trace/v1/trace.proto` 1.x, which
//! are stable. The tests have them read by OpenTelemetry's own package for Python.

use std::time::{SystemTime, UNIX_EPOCH};

use super::TraceContext;
use super::span::{Record, Value};

/// How a field's value is written (Protocol Buffers, "Encoding").
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}

/// The low bits of a span's flags are those of its `traceparent`: it is sampled.
const SAMPLED: u32 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;

/// Who speaks.
pub(super) struct Resource<'a> {
    /// The service.
    pub(super) service: &'a str,
    /// This node of it.
    pub(super) instance: &'a str,
}

/// A request that hands these spans over.
pub(super) fn request(resource: &Resource<'_>, spans: &[Record]) -> Vec<u8> {
    let mut out = Message::default();
    out.message(1, |of_resource| {
        of_resource.message(1, |about| {
            about.attribute(1, "service.name", &Value::Text(resource.service.to_owned()));
            about.attribute(
                1,
                "service.instance.id",
                &Value::Text(resource.instance.to_owned()),
            );
            about.attribute(
                1,
                "service.version",
                &Value::Text(env!("CARGO_PKG_VERSION").to_owned()),
            );
        });
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| {
                scope.text(1, "charla");
                scope.text(2, env!("CARGO_PKG_VERSION"));
            });
            for span in spans {
                of_scope.message(2, |out| write_span(out, span));
            }
        });
    });
    out.bytes
}

fn write_span(out: &mut Message, span: &Record) {
    let began = nanos(span.began);
    out.bytes(1, &span.context.trace_bytes());
    out.bytes(2, &span.context.span_bytes());
    if let Some(parent) = span.parent {
        out.bytes(4, &parent.span_bytes());
    }
    out.text(5, span.name);
    out.number(6, span.kind as u64);
    out.fixed64(7, began);
    let lasted = u64::try_from(span.lasted.as_nanos()).unwrap_or(u64::MAX);
    out.fixed64(8, began.saturating_add(lasted));
    for (name, value) in &span.attributes {
        out.attribute(9, name, value);
    }
    for link in &span.links {
        out.message(13, |out| write_link(out, *link));
    }
    if span.links_left_out > 0 {
        out.number(14, u64::from(span.links_left_out));
    }
    if let Some(why) = span.failed {
        out.message(15, |status| {
            status.text(2, why);
            status.number(3, ERROR);
        });
    }
    out.fixed32(16, SAMPLED);
}

fn write_link(out: &mut Message, link: TraceContext) {
    out.bytes(1, &link.trace_bytes());
    out.bytes(2, &link.span_bytes());
    out.fixed32(6, SAMPLED);
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A message of Protocol Buffers that is being written.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn key(&mut self, field: u64, wire: Wire) {
        self.varint((field << 3) | wire as u64);
    }

    fn varint(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low & 0x7f);
            }
            self.bytes.push(low | 0x80);
        }
    }

    fn number(&mut self, field: u64, number: u64) {
        self.key(field, Wire::Varint);
        self.varint(number);
    }

    fn fixed64(&mut self, field: u64, number: u64) {
        self.key(field, Wire::Fixed64);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, number: u32) {
        self.key(field, Wire::Fixed32);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, Wire::Length);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.bytes);
    }

    fn attribute(&mut self, field: u64, name: &str, value: &Value) {
        self.message(field, |pair| {
            pair.text(1, name);
            pair.message(2, |any| match value {
                Value::Text(text) => any.text(1, text),
                Value::Number(number) => any.number(3, number.cast_unsigned()),
            });
        });
    }
}
