//! Which of a Redis Cluster's slots a name belongs to (Redis cluster specification, "Key distribution model").

/// How many there are.
pub(in crate::broker) const COUNT: usize = 16_384;

/// The slot of a name: of what stands between its first braces, where something does, else of all of it.
pub(in crate::broker) fn of(name: &str) -> usize {
    let tag = name
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(name);
    usize::from(crc16(tag.as_bytes())) % COUNT
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (name, same) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}b{a}r", "a"),
        ] {
            assert_eq!(of(name), usize::from(crc16(same.as_bytes())) % COUNT, "{name}");
        }
        assert_eq!(of("foo"), 12_182);
    }
}
