//! `charla storm` from outside: what programs read, what people read, what is drawn.

use serde_json::Value;

use crate::running::run;

/// Few clients, so that it takes a moment only.
const SMALL: [&str; 7] = [
    "storm",
    "--clients",
    "300",
    "--accept-rate",
    "3",
    "--watch",
    "600",
];

fn small(more: &[&str]) -> Vec<String> {
    SMALL.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn storm(more: &[&str]) -> crate::running::Ran {
    let arguments = small(more);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn programs_get_every_policy_with_every_field() {
    let ran = storm(&["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["clients"], &json["accept_rate"]), (&300.into(), &3.into()));
    let policies = json["policies"].as_array().unwrap();
    let names: Vec<_> = policies
        .iter()
        .map(|policy| policy["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "charla",
            "phoenix.js",
            "socket.io",
            "pusher-js",
            "centrifuge-js",
            "reconnecting-websocket",
            "endless-loop"
        ]
    );
    for policy in policies {
        for field in [
            "attempts_total",
            "attempts_per_client_max",
            "peak_per_s",
            "stranded",
            "still_trying",
            "token_refreshes",
            "preflights",
        ] {
            assert!(policy[field].is_u64(), "{field}: {policy}");
        }
        for field in ["back_50_s", "back_95_s", "back_all_s"] {
            assert!(
                policy[field].is_f64() || policy[field] == Value::Null,
                "{field}: {policy}"
            );
        }
    }
    let charla = policies.first().unwrap();
    assert!(charla["attempts_per_client_max"].as_u64() <= Some(15), "{charla}");
    assert_eq!(storm(&["--json"]).out, ran.out, "the same seed, the same storm");
    assert_ne!(storm(&["--json", "--seed", "2"]).out, ran.out);
}

#[test]
fn people_read_a_table_in_their_language() {
    let english = storm(&["--policy", "charla", "--policy", "pusher"]);
    assert_eq!(english.code, 0, "{english:?}");
    assert!(
        english.out.starts_with("300 clients lose their server"),
        "{english:?}"
    );
    assert!(
        english.out.contains("\nCharla ") && english.out.contains("\npusher-js "),
        "{english:?}"
    );
    assert!(!english.out.contains("phoenix"), "{english:?}");
    let spanish = storm(&["--policy", "charla", "--lang", "es"]);
    assert!(
        spanish.out.contains("política") && spanish.out.contains("Qué significa"),
        "{spanish:?}"
    );
}

#[test]
fn a_short_look_claims_nothing_that_it_has_not_seen() {
    let brief = run(&["storm", "--clients", "1000", "--watch", "1"]);
    assert_eq!(brief.code, 0, "{brief:?}");
    assert!(brief.out.contains("  > 31 s"), "{brief:?}");
    assert!(
        brief
            .out
            .contains("Charla: not everybody was back 1 s later; each of the rest"),
        "{brief:?}"
    );
    for untrue in ["  never", "0 min", "faster than the server"] {
        assert!(!brief.out.contains(untrue), "{untrue}: {brief:?}");
    }
    // A loop that asks all the time of a server to which refusing is dear.
    let drowned = storm(&["--policy", "endless-loop", "--refusal-cost", "0.3"]);
    assert!(
        drowned
            .out
            .contains("endless loop, 1 s: after 10 min they were still at it. They ask faster"),
        "{drowned:?}"
    );
}

#[test]
fn a_plot_is_an_svg_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("storm.svg");
    let ran = storm(&["--json", "--plot", file.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert!(
        svg.contains("prefers-color-scheme:dark") && !svg.contains("NaN"),
        "{svg}"
    );
    // A row and a line for each.
    assert_eq!(svg.matches("class=\"area p").count(), 7);
    assert_eq!(svg.matches("class=\"line p").count(), 7);

    let refused = storm(&["--plot", "storm.png"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.err.contains("SVG") && refused.out.is_empty(),
        "{refused:?}"
    );
}
