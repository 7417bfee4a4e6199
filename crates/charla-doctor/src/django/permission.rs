//! `user.has_perm("chat.enter")`, as Django's own backend answers it: superusers may all, others what they or their groups were given.

use super::access::{Rows, Told};
use super::condition::Condition;
use super::meaning::Frame;
use super::model::sql_name;
use super::settings::Settings;
use super::syntax::{Argument, Expr};
use super::tree::text;
use super::value::Value;

/// Django's own backends, which answer alike.
const OWN: [&str; 2] = [
    "django.contrib.auth.backends.ModelBackend",
    "django.contrib.auth.backends.AllowAllUsersModelBackend",
];

/// Whether nobody else is asked for permissions.
pub(super) fn is_own(settings: &Settings) -> bool {
    let Some(backends) = settings.get("AUTHENTICATION_BACKENDS") else {
        return true;
    };
    let is_own = |backend: &Value| backend.text().is_some_and(|name| OWN.contains(&name.as_str()));
    backends.list().is_some_and(|list| list.iter().all(is_own))
}

impl Rows<'_> {
    /// A permission of one object is another backend's, and so is everything else but one name.
    pub(super) fn permitted(&self, frame: &Frame<'_>, expr: &Expr, arguments: &[Argument]) -> Told {
        let user = self.user;
        let name = match arguments {
            [only] if self.own_permissions && user.field("is_superuser").is_some() => text(&only.value),
            _ => None,
        };
        let Some((app, codename)) = name.and_then(|name| name.split_once('.')) else {
            return Self::unclear(frame, expr);
        };
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let between = |what: &str| sql_name(&format!("{}_{what}", user.table)).into_owned();
        let (permissions, groups) = (between("user_permissions"), between("groups"));
        let (key, side) = (sql_name(&user.key), user.name.to_lowercase());
        let sql = format!(
            "(u.is_superuser OR EXISTS (SELECT 1 FROM auth_permission p JOIN django_content_type k ON k.id = p.content_type_id \
             WHERE k.app_label = {} AND p.codename = {} AND (\
             EXISTS (SELECT 1 FROM {permissions} t WHERE t.permission_id = p.id AND t.{side}_id = u.{key}) OR \
             EXISTS (SELECT 1 FROM {groups} t JOIN auth_group_permissions g ON g.group_id = t.group_id \
             WHERE g.permission_id = p.id AND t.{side}_id = u.{key}))))",
            quoted(app),
            quoted(codename)
        );
        Ok(Condition::Sql(sql, true))
    }
}
