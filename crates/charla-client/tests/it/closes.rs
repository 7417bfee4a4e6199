//! Closes are read as the server means them, and others as best they can be.

use std::time::Duration;

use charla_client::Problem;
use serde_json::Value;

#[test]
fn closes_are_read_as_the_server_means_them() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../protocol/vectors/closes.json")).unwrap();
    let lists = ["closes", "foreign"].map(|list| vectors[list].as_array().unwrap());
    for row in lists.into_iter().flatten() {
        let reason = row["reason"].as_str().unwrap();
        let code = u16::try_from(row["code"].as_u64().unwrap()).unwrap();
        let problem = Problem::of_close(code, reason);
        assert_eq!(
            problem.cause.as_ref().map(|cause| cause.as_str()),
            row["cause"].as_str(),
            "{reason}"
        );
        assert_eq!(Some(problem.retry.as_str()), row["retry"].as_str(), "{reason}");
        assert_eq!(problem.detail.as_deref(), row["detail"].as_str(), "{reason}");
        let advice = row["retry_in_ms"].as_u64().map(Duration::from_millis);
        assert_eq!(problem.retry_in, advice, "{reason}");
    }
}
