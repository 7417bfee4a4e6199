//! Whether bytes are a point on a curve. All of it is public: nothing here has to take the same time for every number.

use ring::agreement::{self, ECDH_P256, ECDH_P384, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use x509_parser::num_bigint::BigUint;

/// Of P-256 and P-384, as far as it matters here.
pub(super) struct Curve {
    agreement: &'static agreement::Algorithm,
    /// Bytes of a coordinate.
    pub(super) bytes: usize,
    /// SEC 2, 2.4.2 and 2.5.1: the field's prime, which leaves 3 when divided by 4, and the `b` of y² = x³ - 3x + b.
    prime: &'static [u8],
    b: &'static [u8],
}

/// NIST's curve over 256 bits.
pub(super) const P256: Curve = Curve {
    agreement: &ECDH_P256,
    bytes: 32,
    prime: b"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    b: b"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
};

/// NIST's curve over 384 bits.
pub(super) const P384: Curve = Curve {
    agreement: &ECDH_P384,
    bytes: 48,
    prime:
        b"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    b: b"b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
};

impl Curve {
    /// The point with both of its coordinates, as ring takes it; none for what is no point of the curve.
    pub(super) fn point(&self, encoded: Vec<u8>) -> Option<Vec<u8>> {
        let point = match encoded.split_first()? {
            (0x02 | 0x03, x) if x.len() == self.bytes => self.opened(encoded.first()? & 1 == 1, x)?,
            _ => encoded,
        };
        self.has(&point).then_some(point)
    }

    /// ring looks at a key when it verifies, and tells a bad key from a bad signature by nothing. Agreeing on a secret
    /// does: it verifies the other side's point as NIST SP 800-56A asks, and with a private key of its own making that is
    /// the one thing that can be wrong (the curves' orders are prime, so no product is the point at infinity).
    fn has(&self, point: &[u8]) -> bool {
        let peer = UnparsedPublicKey::new(self.agreement, point);
        EphemeralPrivateKey::generate(self.agreement, &SystemRandom::new())
            .and_then(|own| agree_ephemeral(own, &peer, |_| ()))
            .is_ok()
    }

    /// SEC 1, 2.3.4: a point of which only `x` was kept, and whether `y` is odd. If there is no such `y`, what comes out is
    /// no point.
    fn opened(&self, odd: bool, x: &[u8]) -> Option<Vec<u8>> {
        let number = |digits| BigUint::parse_bytes(digits, 16);
        let (prime, b) = (number(self.prime)?, number(self.b)?);
        let big = BigUint::from_bytes_be(x);
        let square = (big.pow(3) + &prime * 3_u8 - (&big * 3_u8) % &prime + b) % &prime;
        let root = square.modpow(&((&prime + 1_u8) >> 2), &prime);
        let y = if root.bit(0) == odd { root } else { prime - root };
        let y = y.to_bytes_be();
        let mut point = vec![0x04];
        point.extend_from_slice(x);
        point.resize(1 + x.len() + self.bytes.checked_sub(y.len())?, 0);
        point.extend_from_slice(&y);
        Some(point)
    }
}

/// Whether 32 bytes are a key of Ed25519: RFC 8032, 5.1.3, a point of -x² + y² = 1 - (121665/121666) x² y², and none of the
/// eight whose multiples are few: under those everybody can sign anything.
///
/// Solved for x² it is a fraction of y, which is a square exactly when the product of its two halves is one: Euler's
/// criterion.
pub(super) fn is_ed25519(bytes: &[u8; 32]) -> bool {
    let prime = (BigUint::from(1_u8) << 255) - 19_u8;
    let mut y = BigUint::from_bytes_le(bytes);
    // The highest bit is the sign of x.
    y.set_bit(255, false);
    let square: BigUint = &y * &y % &prime;
    let above: BigUint = (&square + &prime - 1_u8) % &prime;
    let below = (BigUint::from(121_666_u32) + (&prime - &square) * 121_665_u32) % &prime;
    let zero = BigUint::ZERO;
    // Doubled three times, these are zero: of order 1 or 2, of order 4, and of order 8.
    let few = [
        above.clone(),
        square.clone(),
        (&square * &square * 121_665_u32 + (&prime - &square) * 243_332_u32 + 121_666_u32) % &prime,
    ];
    if few.contains(&zero) {
        return false;
    }
    let product: BigUint = above * below * 121_666_u32 % &prime;
    product.modpow(&(&prime >> 1), &prime) == BigUint::from(1_u8)
}
