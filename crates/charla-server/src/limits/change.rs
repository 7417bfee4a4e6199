//! How the figures change: by the file that was read again, or by the API. All of a change counts, or nothing of it.

use std::sync::Arc;

use charla_wire::TenantId;

use super::given::{Given, PREFIX};
use super::{Base, Limits, Live, Read};
use crate::happening::Happening;
use crate::node::Node;
use crate::settings::{GivenLimit, Problem, Settings};
use crate::store::StoreError;

/// What is logged of figures that do not go with the settings.
const CONTRADICTS: &str =
    "what the API was given contradicts the settings, and does not count until one of them is changed";

/// Why limits were not changed.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// The figures contradict each other, each told at its place.
    Contradicts(Vec<Problem>),
    /// The store did not take them.
    Store(StoreError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Limits {
    /// Takes the settings' figures; what the API was given stays over them.
    ///
    /// # Errors
    /// What contradicts itself then; nothing has changed.
    fn take_settings(&self, settings: &Settings) -> Result<(), Vec<Problem>> {
        let read = self.read.lock();
        let base = Base {
            limits: settings.limits.clone(),
            sources: settings.limit_sources.clone(),
        };
        let live = Live::new(base, read.given.clone(), self.liveness);
        let problems = live.problems();
        if problems.is_empty() {
            self.swap(live);
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Takes what the store has from the API. Figures that contradict the settings, which were written without knowing of
    /// them, are left out: those for all, or those of a tenant. Says whether it was anything new.
    pub(super) fn take_stored(&self, values: Vec<(String, String)>) -> bool {
        let mut read = self.read.lock();
        if read.values == values {
            return false;
        }
        let given = Given::read(&values);
        let base = self.live.load().base.clone();
        let mut live = Live::new(base.clone(), given.clone(), self.liveness);
        if !live.problems().is_empty() {
            let sound = given.sound(|given| {
                let problems = Live::new(base.clone(), given, self.liveness).problems();
                for problem in &problems {
                    tracing::error!(%problem, "{CONTRADICTS}");
                }
                problems.is_empty()
            });
            live = Live::new(base, sound, self.liveness);
        }
        *read = Read { values, given };
        self.swap(live);
        true
    }

    /// What would be with a change.
    fn changed(&self, tenant: Option<&TenantId>, wanted: &[Wanted], over: &Given) -> Vec<Problem> {
        let mut over = over.clone();
        for wanted in wanted {
            match wanted {
                Wanted::Set(limit) => over.put(tenant, limit.clone()),
                Wanted::Unset(name) => over.remove(tenant, name),
            }
        }
        Live::new(self.live.load().base.clone(), over, self.liveness).problems()
    }
}

/// What the API wants of one limit.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// This figure.
    Set(GivenLimit),
    /// None of its own any more: the settings' counts again.
    Unset(&'static str),
}

impl Node {
    /// Takes the limits of settings that were read again.
    ///
    /// # Errors
    /// What contradicts what the API was given; nothing has changed.
    pub fn reload_limits(&self, settings: &Settings) -> Result<(), Vec<Problem>> {
        self.limits.take_settings(settings)?;
        self.apply_limits();
        Ok(())
    }

    /// Carries figures to those parts that keep their own.
    pub(super) fn apply_limits(&self) {
        let all = self.limits.all();
        self.loops.heed(&all.settings);
        self.returns.fix(all.settings.returns_per_second);
    }

    /// Changes figures for all or for a tenant, on all nodes and for good.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed.
    pub(crate) async fn change_limits(
        &self,
        tenant: Option<&TenantId>,
        wanted: &[Wanted],
    ) -> Result<(), ChangeError> {
        let stored = Given::read(&self.store.kept(PREFIX).await?);
        let problems = self.limits.changed(tenant, wanted, &stored);
        if !problems.is_empty() {
            return Err(ChangeError::Contradicts(problems));
        }
        let values = wanted.iter().map(|wanted| match wanted {
            Wanted::Set(limit) => (Given::name(tenant, limit.name()), limit.text().map(str::to_owned)),
            Wanted::Unset(name) => (Given::name(tenant, name), None),
        });
        let values: Arc<[_]> = values.collect();
        self.store.set_kept(values).await?;
        self.read_limits().await?;
        self.publish(Happening::Limits);
        Ok(())
    }
}
