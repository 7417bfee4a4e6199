//! What every store must do, whatever database it stands on.
//!
//! [`store_contract!`] makes one test of each case for one way of opening a store. Every case works in tenants of its
//! own, so that a database may be shared by all of them.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use charla_core::{Author, Draft, RoomKey, Seq, Stored, UserKey};
use charla_server::clock::Clock;
use charla_server::publish::{Entry, Receipt};
use charla_server::store::{AppendError, Appended, Committed, Store};
use charla_wire::{ChatId, TenantId, Timestamp, UserId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub(crate) mod access;
pub(crate) mod appending;
pub(crate) mod care;
pub(crate) mod chats;
pub(crate) mod lists;
pub(crate) mod people;
pub(crate) mod search;

/// One store under test, and the time it believes in.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    now: Arc<AtomicI64>,
    order: Arc<Mutex<Vec<(RoomKey, Seq)>>>,
    /// What must outlive the store: its folder, say.
    _ground: Box<dyn Any + Send + Sync>,
}

impl Bench {
    /// Around a store opened with `now` as its clock and `committed`'s other end as its sink.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        now: Arc<AtomicI64>,
        committed: mpsc::Receiver<Vec<Committed>>,
        ground: impl Any + Send + Sync,
    ) -> Self {
        let order = Arc::default();
        tokio::spawn(acknowledge(committed, Arc::clone(&order)));
        Self {
            store,
            now,
            order,
            _ground: Box::new(ground),
        }
    }

    /// Hands a draft over and waits for what becomes of it.
    pub(crate) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.hand_over(draft).await.unwrap()
    }

    /// Hands a draft over.
    pub(crate) fn hand_over(&self, draft: Draft) -> oneshot::Receiver<Result<Appended, AppendError>> {
        let (waiter, outcome) = oneshot::channel();
        let entry = Entry {
            draft,
            receipt: Receipt::Waiter(waiter),
        };
        self.store.append(entry).expect("the queue has room");
        outcome
    }

    /// Stores a draft that must be new.
    pub(crate) async fn store_new(&self, draft: Draft) -> Stored {
        match self.append(draft).await {
            Ok(Appended::New(stored)) => stored,
            other => panic!("expected a new message, got {other:?}"),
        }
    }

    /// The numbers of a chat in the order in which the sink heard of them.
    pub(crate) fn heard(&self, room: &RoomKey) -> Vec<Seq> {
        let order = self.order.lock();
        order
            .iter()
            .filter(|(heard, _)| heard == room)
            .map(|(_, seq)| *seq)
            .collect()
    }

    /// A tenant of the calling case's own.
    pub(crate) async fn tenant(&self) -> TenantId {
        let id = TenantId::parse(&format!("t{}", Uuid::new_v4().simple())).unwrap();
        self.store.put_tenant(&id, "A tenant").await.unwrap();
        id
    }

    /// A chat in a tenant of the calling case's own.
    pub(crate) async fn room(&self) -> RoomKey {
        let room = room(&self.tenant().await, "1");
        self.store.put_chat(&room, None).await.unwrap();
        room
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    /// Lets time pass, or runs it backwards.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }
}

/// A clock that shows what it is set to.
pub(crate) fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)))
}

async fn acknowledge(mut committed: mpsc::Receiver<Vec<Committed>>, order: Arc<Mutex<Vec<(RoomKey, Seq)>>>) {
    while let Some(group) = committed.recv().await {
        for Committed { outcome, receipt } in group {
            if let Ok(Appended::New(stored)) = &outcome {
                order.lock().push((stored.draft.room.clone(), stored.seq));
            }
            answer(receipt, outcome);
        }
    }
}

pub(crate) fn answer(receipt: Receipt, outcome: Result<Appended, AppendError>) {
    match receipt {
        Receipt::Waiter(waiter) => {
            let _ = waiter.send(outcome);
        }
        Receipt::Client { .. } | Receipt::Traced(_) => panic!("no client appends here"),
    }
}

pub(crate) fn room(tenant: &TenantId, chat: &str) -> RoomKey {
    RoomKey {
        tenant: tenant.clone(),
        chat: ChatId::parse(chat).unwrap(),
    }
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(crate) fn person(tenant: &TenantId, id: &str) -> UserKey {
    UserKey {
        tenant: tenant.clone(),
        user: user(id),
    }
}

pub(crate) fn author(id: &str) -> Author {
    Author {
        id: user(id),
        name: format!("{id} the author").into(),
    }
}

pub(crate) fn draft(room: &RoomKey, author_id: &str, text: &str) -> Draft {
    Draft {
        room: room.clone(),
        id: Uuid::new_v4(),
        author: author(author_id),
        text: text.into(),
        data: None,
        attachments: Vec::new(),
    }
}

pub(crate) fn texts(messages: &[Stored]) -> Vec<&str> {
    messages.iter().map(|message| &*message.draft.text).collect()
}

pub(crate) fn seqs(messages: &[Stored]) -> Vec<Seq> {
    messages.iter().map(|message| message.seq).collect()
}

/// One test for each case; `$open` is an async function that opens a store for a [`Bench`]. `together`: one test for all
/// of them, on the ground that `$ground` makes once, where that costs more than the cases.
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract::store_contract! { cases apart $open }
    };
    (together $ground:path, $open:path) => {
        $crate::store_contract::store_contract! { cases together $ground, $open }
    };
    (cases $how:ident $($with:path),*) => {
        $crate::store_contract::store_contract! { $how $($with),*;
            appending: [
                numbers_have_no_gaps_under_twenty_appenders,
                the_sink_hears_in_commit_order,
                a_repeat_gets_the_same_number,
                repeats_inside_one_group_are_one_message,
                an_id_used_for_other_words_is_a_conflict,
                ids_are_each_authors_own,
                a_changed_message_still_recognises_its_repeat,
                an_unknown_chat_takes_nothing,
                a_closed_chat_takes_only_repeats,
                words_come_back_as_they_went_in,
                a_clock_that_steps_back_changes_no_order,
                one_failing_task_spares_its_group,
            ],
            chats: [
                tenants_never_mix,
                a_chat_is_made_once_and_renamed,
                a_support_chat_is_one_whoever_asks,
                closing_and_opening_say_who_did_it,
                pages_go_both_ways,
                edits_and_deletions_give_revisions,
                only_the_author_or_staff_change_a_message,
                read_markers_only_go_forward,
                writing_is_reading,
                members_come_and_go,
                the_inbox_shows_what_moved_last_first,
                an_agents_inbox_shows_every_chat,
            ],
            lists: [
                lists_show_the_last_message_and_the_people,
            ],
            people: [
                tenants_and_users_are_made_and_changed,
                deleted_users_are_known_but_not_listed,
                a_standing_is_everything_in_one_look,
                notifications_are_numbered_within_the_tenant,
            ],
            access: [
                api_keys_are_kept_by_their_hash,
                a_refresh_token_is_spent_once,
                reuse_ends_the_whole_family,
                refresh_tokens_raced_are_spent_once,
                a_log_out_ends_every_family_of_the_user,
                revocations_last_until_their_time,
                a_ticket_is_taken_once_under_a_race,
                a_ticket_is_no_good_after_its_time,
                a_kept_value_is_made_once,
                values_are_set_together_and_found_by_their_beginning,
                it_says_that_it_is_ready,
                a_closed_store_refuses_writes,
            ],
            care: [
                the_oldest_go_and_numbers_go_on,
                what_is_too_much_goes_once_it_is_settled,
                a_sweep_goes_on_where_it_stopped,
                an_epoch_lasts_until_another_begins,
                all_that_is_kept_of_somebody_is_found,
                words_change_hands_or_go,
                who_is_forgotten_leaves_an_id,
                who_is_forgotten_is_so_in_what_is_still_to_be_told,
            ],
            search: [
                words_are_found_without_accents,
                changes_are_found_as_they_are,
                a_chat_is_taken_in_from_its_end,
            ],
        }
    };
    (together $ground:path, $open:path; $($part:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn keeps_the_contract() {
            let ground = $ground();
            $($(
                println!("{}", stringify!($case));
                $crate::store_contract::$part::$case(&$open(&ground).await).await;
            )*)*
        }
    };
    (apart $open:path; $($part:ident: [$($case:ident),* $(,)?]),* $(,)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let bench = $open().await;
                $crate::store_contract::$part::$case(&bench).await;
            }
        )*)*
    };
}
pub(crate) use store_contract;
