//! What Python's `msgpack` 1.2 writes, byte for byte; and bytes by nobody.

use serde_json::json;

use super::*;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn event() -> Map<String, Value> {
    map(&json!({
        "type": "chat_message", "texto": "¡hola!", "f": 1.5, "t": true, "x": false, "z": null, "m": {"a": {}}, "l": "x".repeat(40),
        "n": [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_296_u64, -1, -32, -33, -128, -129, -32_768, -32_769, -2_147_483_649_i64],
    }))
}

/// `msgpack.packb(dict(sorted(event.items()))).hex()`
const PACKED: &str = "89a166cb3ff8000000000000a16cd92878787878787878787878787878787878787878787878787878787878787878787878787878787878a16d81a16180a16edc0010007fcc80ccffcd0100cdffffce00010000cf0000000100000000ffe0d0dfd080d1ff7fd18000d2ffff7fffd3ffffffff7fffffffa174c3a5746578746fa7c2a1686f6c6121a474797065ac636861745f6d657373616765a178c2a17ac0";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn what_python_writes_is_written_and_read() {
    assert_eq!(write(&event(), false), bytes(PACKED));
    assert_eq!(read(&bytes(PACKED)), Ok((event(), false)));
}

#[test]
fn a_mark_is_seen_and_changes_nothing() {
    let marked = write(&event(), true);
    assert_eq!(marked[..5], [0xdf, 0, 0, 0, 9]);
    assert_eq!(read(&marked), Ok((event(), true)));
}

#[test]
fn long_things_come_back() {
    let long = map(&json!({
        "text": "ñ".repeat(40_000),
        "list": (0..70_000).collect::<Vec<_>>(),
        "map": (0..300).map(|n| (n.to_string(), json!(n))).collect::<Map<_, _>>(),
        "short": "x".repeat(300),
    }));
    assert_eq!(read(&write(&long, false)), Ok((long, false)));
}

#[test]
fn what_json_cannot_say_is_refused() {
    for (hex, what) in [
        ("", "nothing"),
        ("c0", "no map"),
        ("8101c0", "a key that is a number"),
        ("81a161cb7ff8000000000000", "no number"),
        ("81a161d6ff00000000", "a time"),
        ("81a161c401ff", "binary"),
        ("81a161a1ff", "no UTF-8"),
        ("81a161", "half a pair"),
        ("81a161c0c0", "something behind it"),
        ("dfffffffff", "more pairs than bytes"),
        ("81a161ddffffffff", "more items than bytes"),
        ("81a161dbffffffff", "more text than bytes"),
        ("81a161c1", "a byte that is never used"),
    ] {
        assert_eq!(read(&bytes(hex)), Err(Malformed), "{what}");
    }
    let deep = [vec![0x81, 0xa1, b'a'], vec![0x91; 200_000], vec![0xc0]].concat();
    assert_eq!(read(&deep), Err(Malformed), "deeper than anybody writes");
    assert_eq!(
        read(&bytes("81a161c402c3b1")),
        Ok((map(&json!({"a": "ñ"})), false)),
        "text that Python held as bytes"
    );
}

/// Every prefix of something good, with every byte of it turned, and bytes from a generator: read or refused, never more.
#[test]
fn hostile_bytes_are_refused_or_read() {
    let good = bytes(PACKED);
    for end in 0..good.len() {
        assert_eq!(read(&good[..end]), Err(Malformed));
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[end] ^= 1 << bit;
            let _ = read(&bad);
        }
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut bad = vec![0xdf, 0, 0, 0, 3];
        for _ in 0..40 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bad.push(state.to_be_bytes()[0]);
        }
        if let Ok((map, _)) = read(&bad) {
            assert_eq!(read(&write(&map, false)), Ok((map, false)));
        }
    }
}
