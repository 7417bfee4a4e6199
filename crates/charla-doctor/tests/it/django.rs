//! The settings of the project that this repository tries Channels with, from the disk.

use std::collections::BTreeMap;
use std::path::Path;

use charla_doctor::django::find;

#[test]
fn the_project_of_this_repository() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/channels/project");
    let env = BTreeMap::from([("DJANGO_SECRET_KEY".to_owned(), "not-shown".to_owned())]);
    let settings = find(&folder, Some(&env), None).unwrap();
    let seen = settings.seen();
    assert_eq!(
        seen.layer.unwrap().backend,
        "channels.layers.InMemoryChannelLayer"
    );
    assert_eq!(
        seen.unknown,
        [format!(
            "DATABASES at {}:8 (environment variable DJANGO_DATABASE)",
            folder.join("settings.py").display()
        )]
    );
    assert_eq!(
        (seen.routes_websocket, seen.routes[0].0.as_str()),
        (Some(true), r"^ws/{name}/(?P<chat>\d+)/$")
    );
    assert_eq!(
        seen.origin_validator.as_deref(),
        Some("AllowedHostsOriginValidator")
    );
    assert_eq!(
        (seen.algorithm.as_deref(), seen.access_lifetime_s),
        (Some("HS256"), Some(300.0))
    );
    assert_eq!(settings.jwt().unwrap().signing_key.as_deref(), Some("not-shown"));
    assert!(find(Path::new("/nowhere"), None, None).is_none());
}
