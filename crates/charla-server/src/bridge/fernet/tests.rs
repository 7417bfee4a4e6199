//! Tokens that Python's `cryptography` 50 made (`Fernet._encrypt_from_parts`), and tokens that nobody made.

use super::*;

const HOLA: &str =
    "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD9eHccTWFA03W_cDdbdYT5MBYy9P9YmTNuymWeh56jwnZ9SLFCBYVGjbrM-m14JLrQ==";
const BLOCK_OF_16: &str = "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD15Hu68VfDJJ-5SAuFT7zHvR1KVXN9d7jh8LiMf8UYvZvlg83RHFYx-ty8e2-HVPzTAsmgcSAero3xOA7M001W0=";
const EMPTY_BY_OTRA: &str =
    "gAAAAABlU_EAAAAAAAAAAAAAAAAAAAAAACANoXOaauK5OfMeWlyGKpwgnXAeaNt12gCY_zDa4QcSijJ0-sdTqLFst_wMQGr8Xw==";
const AT: u64 = 1_700_000_000;

fn keys(lines: &str) -> Keys {
    Keys::of_lines(lines).unwrap()
}

fn counted() -> [u8; BLOCK] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

#[test]
fn tokens_of_the_library_are_made_and_opened() {
    for (lines, plain, first, token) in [
        ("clave\n", "hola", counted(), HOLA),
        ("clave", "0123456789abcdef", counted(), BLOCK_OF_16),
        ("otra\r\nclave", "", [0; BLOCK], EMPTY_BY_OTRA),
    ] {
        let keys = keys(lines);
        assert_eq!(keys.seal(plain.as_bytes(), first, AT), token.as_bytes());
        let opened = keys.open(token.as_bytes()).unwrap();
        assert_eq!((opened.plain.as_slice(), opened.made_at), (plain.as_bytes(), AT));
    }
}

#[test]
fn any_key_opens_and_no_other() {
    assert_eq!(keys("otra\nclave").open(HOLA.as_bytes()).unwrap().plain, b"hola");
    assert_eq!(keys("otra").open(HOLA.as_bytes()), Err(NotOurs));
    assert!(Keys::of_lines("\n\n").is_none());
}

#[test]
fn what_was_touched_is_refused() {
    let keys = keys("clave");
    let token = URL_SAFE.decode(HOLA).unwrap();
    for at in 0..token.len() {
        let mut bad = token.clone();
        bad[at] ^= 1;
        assert_eq!(keys.open(URL_SAFE.encode(&bad).as_bytes()), Err(NotOurs), "{at}");
        assert_eq!(keys.open(URL_SAFE.encode(&token[..at]).as_bytes()), Err(NotOurs));
    }
    for bad in ["", "=", "hola", "gAAA"] {
        assert_eq!(keys.open(bad.as_bytes()), Err(NotOurs));
    }
}
