//! Who is told to be in the chats, against who is: asked of every node, for no ghost may stay anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use charla_client::{Charla, Place, Proxies};
use charla_ground::{Failure, Outcome};
use serde_json::Value;

use crate::checker::{Promise, Verdict, check_presence};
use crate::history::Room;
use crate::stack::node::LINGER_SECONDS;
use crate::stage::{Stage, room};
use crate::world::{OBSERVER, TENANTS, all_chats, token};

/// How long a node that died may be believed to have its people: its time to live among the others.
const NODE_TTL: Duration = Duration::from_secs(10);
/// How long a word of somebody's coming may be missed that was lost on its way: nodes ask each other again within this time.
const ASKED_AGAIN: Duration = Duration::from_secs(30);
/// On top of what the server may take.
const GRACE: Duration = Duration::from_secs(3);
/// How long entering the chats may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// What is told in each chat.
type Told = BTreeMap<Room, BTreeSet<String>>;

/// Looks at every node until all of them tell the truth, or their time is over; what is wrong then is noted.
pub(crate) fn check(stage: &Stage, verdict: &mut Verdict) -> Outcome<()> {
    let real = stage.people();
    let began = Instant::now();
    let ghosts_until = began + Duration::from_secs(LINGER_SECONDS) + NODE_TTL + GRACE;
    let absent_until = began + ASKED_AGAIN + GRACE;
    loop {
        let mut found = Verdict::default();
        for node in stage.running() {
            let address = format!("ws://{}/ws/", node.place);
            let told = stage.runtime.block_on(async {
                let asked = tokio::time::timeout(ANSWERS_WITHIN, look(&address));
                asked.await.unwrap_or_else(|_| Err(no_answer(&address)))
            })?;
            for (room, people) in &told {
                let real = real.get(room).cloned().unwrap_or_default();
                check_presence(room, people, &real, &mut found);
            }
        }
        let haunted = Instant::now() > ghosts_until && found.count(Promise::Ghost) > 0;
        if found.is_clean() || haunted || Instant::now() > absent_until {
            verdict.extend(found);
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// Enters every chat of both tenants on a node, and leaves.
async fn look(address: &str) -> Outcome<Told> {
    let mut told = Told::new();
    for tenant in TENANTS {
        let built = Charla::builder(address)
            .token(move |_| async move { Ok(token(tenant, OBSERVER)) })
            .proxies(Proxies::none())
            .connect();
        let (client, _events) = built.map_err(|error| Failure::Missed(error.to_string()))?;
        for chat in all_chats() {
            let frame = client.subscribe(&chat, Place::default()).await;
            let frame = frame.map_err(|refusal| Failure::Missed(format!("the observer: {refusal}")))?;
            let people = frame.json().get("members_online").and_then(Value::as_array);
            let people = people.into_iter().flatten().filter_map(|person| {
                let id = person.get("id")?.as_str()?;
                (id != OBSERVER).then(|| id.to_owned())
            });
            told.insert(room(tenant, &chat), people.collect());
        }
        client.close().await;
    }
    Ok(told)
}

fn no_answer(address: &str) -> Failure {
    Failure::Missed(format!("{address} did not let the observer in"))
}
