//! What addresses, users and tenants have used up of what they may do in a time, on this node.

use std::net::IpAddr;

use charla_core::session::Request;
use charla_core::{Limit, Millis, Pace, Paces, UserKey};
use charla_wire::TenantId;
use parking_lot::Mutex;

use crate::settings::LimitSettings;

/// Addresses or users that are told apart at once; some 100 bytes each.
const PEOPLE_MAX: usize = 65_536;
/// Tenants that are told apart at once.
const TENANTS_MAX: usize = 10_000;

/// A limit that is reached, and for how long.
pub(crate) type Wait = (Limit, Millis);

/// What tenants have used up.
#[derive(Debug)]
struct OfTenants {
    connects: Paces<TenantId>,
    sends: Paces<TenantId>,
    bytes: Paces<TenantId>,
    daily_bytes: Paces<TenantId>,
}

/// What has been used up. Whoever is idle is forgotten.
#[derive(Debug)]
pub(crate) struct Shares {
    addresses: Mutex<Paces<IpAddr>>,
    connects: Mutex<Paces<UserKey>>,
    sends: Mutex<Paces<UserKey>>,
    tenants: Mutex<OfTenants>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            addresses: Mutex::new(Paces::new(PEOPLE_MAX)),
            connects: Mutex::new(Paces::new(PEOPLE_MAX)),
            sends: Mutex::new(Paces::new(PEOPLE_MAX)),
            tenants: Mutex::new(OfTenants {
                connects: Paces::new(TENANTS_MAX),
                sends: Paces::new(TENANTS_MAX),
                bytes: Paces::new(TENANTS_MAX),
                daily_bytes: Paces::new(TENANTS_MAX),
            }),
        }
    }
}

impl Shares {
    /// A handshake from an address.
    ///
    /// # Errors
    /// The limit, and the milliseconds until the next one is welcome.
    pub(crate) fn connect_from(
        &self,
        address: IpAddr,
        limits: &LimitSettings,
        now: Millis,
    ) -> Result<(), Wait> {
        let pace = limits.connects_of_address();
        let taken = self.addresses.lock().take(&address, pace, 1, now);
        taken.map_err(|wait| (Limit::ConnectsPerAddress, wait))
    }

    /// A handshake of a user.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn connect_as(&self, user: &UserKey, limits: &LimitSettings, now: Millis) -> Result<(), Wait> {
        let pace = limits.connects_of_user();
        let taken = self.connects.lock().take(user, pace, 1, now);
        taken.map_err(|wait| (Limit::ConnectsPerUser, wait))?;
        let pace = limits.connects_of_tenant();
        if pace.amount == 0 {
            return Ok(());
        }
        let taken = self.tenants.lock().connects.take(&user.tenant, pace, 1, now);
        taken.map_err(|wait| (Limit::ConnectsPerTenant, wait))
    }

    /// What is asked over a connection, as far as it is counted.
    ///
    /// # Errors
    /// Likewise; nothing is used up then.
    pub(crate) fn request(
        &self,
        who: &UserKey,
        request: &Request,
        limits: &LimitSettings,
        now: Millis,
    ) -> Result<(), Wait> {
        match request {
            Request::Post(draft) | Request::PostWith(draft, _) => {
                let bytes = draft.text.len() + draft.data.as_ref().map_or(0, |data| data.len());
                self.send(&who.tenant, Some(who), bytes, limits, now)
            }
            Request::Edit { text, .. } => self.rewrite(&who.tenant, text.len(), limits, now),
            Request::Subscribe { .. }
            | Request::Unsubscribe(_)
            | Request::History { .. }
            | Request::Attach { .. }
            | Request::Download { .. }
            | Request::Search { .. }
            | Request::Delete { .. }
            | Request::Read { .. }
            | Request::Typing { .. }
            | Request::Refresh(_)
            | Request::Report(_)
            | Request::Ping => Ok(()),
        }
    }

    /// A message of so many bytes, by one of a tenant's people or by its back end.
    ///
    /// # Errors
    /// Likewise; nothing is used up then.
    pub(crate) fn send(
        &self,
        tenant: &TenantId,
        user: Option<&UserKey>,
        bytes: usize,
        limits: &LimitSettings,
        now: Millis,
    ) -> Result<(), Wait> {
        let of_user = limits.sends_of_user();
        if let Some(user) = user {
            let taken = self.sends.lock().take(user, of_user, 1, now);
            taken.map_err(|wait| (Limit::SendsPerUser, wait))?;
        }
        let taken = self.use_up(tenant, 1, bytes, limits, now);
        if let (Err(_), Some(user)) = (taken, user) {
            self.sends.lock().give_back(user, of_user, 1);
        }
        taken
    }

    /// Bytes that change a message.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) fn rewrite(
        &self,
        tenant: &TenantId,
        bytes: usize,
        limits: &LimitSettings,
        now: Millis,
    ) -> Result<(), Wait> {
        self.use_up(tenant, 0, bytes, limits, now)
    }

    /// How much of a tenant's shares is used up now, of those that have a limit.
    pub(crate) fn used(&self, tenant: &TenantId, limits: &LimitSettings, now: Millis) -> Vec<(Limit, u64)> {
        let tenants = self.tenants.lock();
        let used = |paces: &Paces<TenantId>, pace: Pace, limit| {
            (pace.amount > 0).then(|| (limit, paces.used(tenant, pace, now)))
        };
        [
            used(
                &tenants.connects,
                limits.connects_of_tenant(),
                Limit::ConnectsPerTenant,
            ),
            used(&tenants.sends, limits.sends_of_tenant(), Limit::SendsPerTenant),
            used(&tenants.bytes, limits.bytes_of_tenant(), Limit::BytesPerTenant),
            used(
                &tenants.daily_bytes,
                limits.bytes_of_tenant_a_day(),
                Limit::DailyBytesPerTenant,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Tenants that have used up some of their day, quiet ones too; at most `most`.
    pub(crate) fn of_today(&self, most: usize, now: Millis) -> Vec<TenantId> {
        let tenants = self.tenants.lock();
        tenants.daily_bytes.in_use(now).take(most).cloned().collect()
    }

    fn use_up(
        &self,
        tenant: &TenantId,
        sends: u64,
        bytes: usize,
        limits: &LimitSettings,
        now: Millis,
    ) -> Result<(), Wait> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let (pace, a_second, a_day) = (
            limits.sends_of_tenant(),
            limits.bytes_of_tenant(),
            limits.bytes_of_tenant_a_day(),
        );
        if [pace, a_second, a_day].iter().all(|pace: &Pace| pace.amount == 0) {
            // Most tenants have no limit of their own: nobody waits for the others' count.
            return Ok(());
        }
        let mut tenants = self.tenants.lock();
        let OfTenants {
            sends: of_sends,
            bytes: of_bytes,
            daily_bytes,
            ..
        } = &mut *tenants;
        let taken = of_sends.take(tenant, pace, sends, now);
        taken.map_err(|wait| (Limit::SendsPerTenant, wait))?;
        if let Err(wait) = of_bytes.take(tenant, a_second, bytes, now) {
            of_sends.give_back(tenant, pace, sends);
            return Err((Limit::BytesPerTenant, wait));
        }
        if let Err(wait) = daily_bytes.take(tenant, a_day, bytes, now) {
            of_sends.give_back(tenant, pace, sends);
            of_bytes.give_back(tenant, a_second, bytes);
            return Err((Limit::DailyBytesPerTenant, wait));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use charla_wire::UserId;

    use super::*;

    fn user(tenant: &str, user: &str) -> UserKey {
        UserKey {
            tenant: TenantId::parse(tenant).unwrap(),
            user: UserId::parse(user).unwrap(),
        }
    }

    #[test]
    fn one_tenant_used_up_leaves_the_others_theirs() {
        let shares = Shares::default();
        let limits = LimitSettings {
            sends_per_second_per_user: 0,
            sends_per_second_per_tenant: 2,
            bytes_per_day_per_tenant: 1_000,
            ..LimitSettings::default()
        };
        let (ana, luis) = (user("acme", "ana"), user("other", "ana"));
        let send = |who: &UserKey, bytes, now| shares.send(&who.tenant, Some(who), bytes, &limits, now);
        for _ in 0..4 {
            assert_eq!(send(&ana, 100, 0), Ok(()));
        }
        assert_eq!(send(&ana, 100, 0), Err((Limit::SendsPerTenant, 500)));
        assert_eq!(send(&luis, 100, 0), Ok(()));
        assert_eq!(send(&ana, 600, 500), Ok(()));
        let (limit, wait) = send(&ana, 100, 10_000).unwrap_err();
        assert_eq!(limit, Limit::DailyBytesPerTenant);
        assert!(wait > 8_000_000, "{wait}: a tenth of a day");
        assert_eq!(
            send(&ana, 0, 10_000),
            Ok(()),
            "what was refused has used nothing up"
        );
    }

    #[test]
    fn who_may_have_twenty_may_come_back_with_twenty() {
        let shares = Shares::default();
        let limits = LimitSettings {
            connects_per_second_per_user: 1,
            connections_per_user: 20,
            ..LimitSettings::default()
        };
        let ana = user("acme", "ana");
        for _ in 0..20 {
            assert_eq!(shares.connect_as(&ana, &limits, 0), Ok(()));
        }
        let full = shares.connect_as(&ana, &limits, 0);
        assert_eq!(full, Err((Limit::ConnectsPerUser, 1_000)));
    }
}
