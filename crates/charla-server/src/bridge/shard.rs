//! Which of several servers has a name: `channels_redis.utils._consistent_hash`.

/// The place in the list of `servers`.
pub(super) fn shard(name: &str, servers: usize) -> usize {
    if servers <= 1 {
        return 0;
    }
    let place = usize::try_from(crc32(name.as_bytes()) & 0xfff).unwrap_or(0);
    // `int(place / (4096 / servers))` in floating point, which no whole number of servers rounds differently.
    place * servers / 4096
}

/// CRC-32 as in zlib.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_where_channels_looks_for_them() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(shard("chat_5", 1), 0);
        // By the library: [_consistent_hash(name, servers) for servers in (2, 3, 5)].
        for (name, places) in SHARDS {
            assert_eq!([2, 3, 5].map(|servers| shard(name, servers)), places, "{name}");
        }
    }

    const SHARDS: [(&str, [usize; 3]); 7] = [
        ("chat_5", [0, 1, 1]),
        ("acme.chat_5", [1, 1, 3]),
        ("asgi__group__chat_5", [1, 1, 3]),
        ("notificaciones_7", [1, 2, 4]),
        ("specific.0123456789abcdef0123456789abcdef!", [0, 1, 1]),
        ("", [0, 0, 0]),
        ("ñ", [0, 1, 1]),
    ];
}
