//! Passwords hashed and verified with argon2id, off the threads that serve sockets, a few at a time.
//!
//! A hash takes 19 MiB and tens of milliseconds of a core: how many run at once is bounded by the
//! cores, how many wait by [`WAITING_MAX`], and whoever comes after that is turned away.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use charla_wire::Cause;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::identity::Refusal;

/// Sign-ins that may wait for a core.
const WAITING_MAX: usize = 32;
/// Longest password, in bytes; hashing a longer one is work for nothing.
const PASSWORD_MAX: usize = 1024;
/// The hash of "nobody", verified for users that do not exist, so that the time to answer does not tell who does.
/// Its parameters are [`Argon2::default`]'s.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ne8xNMNw8VMjeXrc4qwutg$TZ3+K3VIV/w8K1QV5SJ6lcuRxF+mDqSifpr3BjvMfbY";

/// Where passwords are hashed.
#[derive(Debug)]
pub(super) struct Passwords {
    waiting: Semaphore,
    running: Semaphore,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            waiting: Semaphore::new(WAITING_MAX),
            running: Semaphore::new(cores),
        }
    }

    /// The hash to store, as PHC text.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, Refusal> {
        if password.expose_secret().is_empty() || password.expose_secret().len() > PASSWORD_MAX {
            let detail = format!("a password has 1 to {PASSWORD_MAX} bytes");
            return Err(Refusal::new(Cause::BadRequest, detail));
        }
        let hash = move || Argon2::default().hash_password(password.expose_secret().as_bytes());
        let hash = self.run(hash).await?;
        hash.map(|hash| hash.to_string()).map_err(|_| failed())
    }

    /// Whether the password is the one that was hashed; takes as long when there is no hash.
    pub(super) async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Refusal> {
        let fits = password.expose_secret().len() <= PASSWORD_MAX;
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let verify = move || {
            let password = password.expose_secret().as_bytes();
            let password = password.get(..PASSWORD_MAX).unwrap_or(password);
            Argon2::default().verify_password(password, hash.as_str()).is_ok()
        };
        let same = self.run(verify).await?;
        Ok(same && known && fits)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            let detail = "too many sign-ins at once; retry in 1000 ms";
            return Err(Refusal::new(Cause::RateLimited, detail));
        };
        let _running = self.running.acquire().await.map_err(|_| failed())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| failed())
    }
}

fn failed() -> Refusal {
    Refusal::new(Cause::InternalError, "could not hash a password")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_verifies_by_its_own_hash_only() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct horsf".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
        assert!(
            !passwords
                .verify("correct horse".into(), Some("not a hash".into()))
                .await
                .unwrap()
        );
        assert!(
            passwords
                .verify("nobody".into(), Some(NOBODY.into()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("nobody".into(), None).await.unwrap());
        let parameters = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
        assert_eq!(
            parameters(&hash),
            parameters(NOBODY),
            "nobody's hash has to cost as much as anybody's"
        );
    }

    #[tokio::test]
    async fn a_password_has_a_length() {
        let passwords = Passwords::new();
        for bad in ["", &"x".repeat(PASSWORD_MAX + 1)] {
            assert_eq!(
                passwords.hash(bad.into()).await.unwrap_err().cause,
                Cause::BadRequest
            );
        }
        let longest = "x".repeat(PASSWORD_MAX);
        let hash = passwords.hash(longest.clone().into()).await.unwrap();
        assert!(
            !passwords
                .verify(format!("{longest}y").into(), Some(hash))
                .await
                .unwrap()
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn beyond_the_waiting_line_a_sign_in_is_turned_away() {
        let passwords = Passwords::new();
        let everybody = (0..WAITING_MAX + 5).map(|_| passwords.verify("x".into(), None));
        let outcomes = futures_util::future::join_all(everybody).await;
        let turned_away = outcomes.iter().filter(|outcome| {
            outcome
                .as_ref()
                .is_err_and(|refusal| refusal.cause == Cause::RateLimited)
        });
        assert_eq!(turned_away.count(), 5);
    }
}
