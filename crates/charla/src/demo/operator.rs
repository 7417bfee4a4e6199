//! The operator's key of a demo: a new one with each start, and none of the ones before.

use charla_server::node::Node;
use secrecy::SecretString;

use crate::exit::Failure;

/// What the key is called in `charla key list`.
const LABEL: &str = "charla demo";

/// Makes the key of this run.
pub(super) async fn make_key(node: &Node) -> Result<SecretString, Failure> {
    let keys = &node.auth.api_keys;
    for key in node.store.api_keys(None).await? {
        if key.tenant.is_none() && key.label == LABEL {
            keys.remove(&key.hash).await?;
        }
    }
    let (secret, _) = keys.create(None, LABEL, node.auth.now()).await?;
    Ok(secret)
}
