//! One running server: everything that connections, the REST interface and the command line share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use charla_core::connections::Connections;
use charla_core::peers::Peers;
use charla_core::presence::Presence;
use charla_core::session::Refusal;
use charla_core::typing::Typing;
use charla_core::{CatchingUp, Limit, Millis, RoomKey};
use charla_wire::server_frame::ServerFrame;
use charla_wire::{Cause, TenantId, plain};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

use crate::admission::Admission;
use crate::application::Application;
use crate::attachments::Attachments;
use crate::attended::Attending;
use crate::auth::Auth;
use crate::authority::Authority;
use crate::bridge::{Bridge, Said};
use crate::broker::{Broker, Health};
use crate::clock::{Clock, Uptime};
use crate::connection::Connection;
use crate::console::Console;
use crate::deliver::RoomShards;
use crate::doctor::{Doctor, Surgery};
use crate::happening::{Happening, RoomEvent, Speech, text_frame};
use crate::inbox::{Inbox, Moves};
use crate::join::CATCHING_UP_MAX;
use crate::limits::Limits;
use crate::listen::Tls;
use crate::loops::LoopBreaker;
use crate::metrics::Metrics;
use crate::peers::{Asks, Own};
use crate::progress::Progress;
use crate::receipts::Receipts;
use crate::returns::Returns;
use crate::settings::{DialectPreset, PlainSettings, Settings};
use crate::store::Store;
use crate::telemetry::{Telemetry, TraceContext};
use crate::timers::Timers;
use crate::users::Users;
use crate::webhooks::Webhooks;

/// One running server.
pub struct Node {
    /// What the operator set.
    pub settings: Settings,
    /// Where chats live.
    pub store: Arc<dyn Store>,
    /// The application's own database, where one is set.
    pub application: Option<Arc<Application>>,
    /// Who says who may enter.
    pub authority: Arc<Authority>,
    /// Who is who.
    pub auth: Arc<Auth>,
    /// The operator's tracing.
    pub telemetry: Telemetry,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// The time of day.
    pub clock: Clock,
    /// Time since the start.
    pub uptime: Uptime,
    /// What the numbers of this store's messages count in: another one after it was put back from a backup.
    pub epoch: u64,
    pub(crate) limits: Limits,
    pub(crate) speech: Arc<Speech>,
    pub(crate) rooms: RoomShards,
    pub(crate) users: Arc<Users>,
    pub(crate) presence: Mutex<Presence>,
    pub(crate) typing: Mutex<Typing>,
    pub(crate) peers: Mutex<Peers>,
    pub(crate) connections_elsewhere: Mutex<Connections>,
    pub(crate) asks: Asks,
    // Other nodes said what this one did not hear, perhaps.
    pub(crate) words_lost: Notify,
    // When the others have had time to say that they are there, once the bus was alive.
    pub(crate) roll_call: OnceLock<Millis>,
    pub(crate) name: OnceLock<Arc<str>>,
    pub(crate) own: Own,
    pub(crate) inbox: Inbox,
    pub(crate) moves: Moves,
    pub(crate) receipts: Receipts,
    pub(crate) admission: Arc<Admission>,
    pub(crate) returns: Arc<Returns>,
    pub(crate) loops: LoopBreaker,
    pub(crate) console: Console,
    /// Chats whose older messages are being taken into the search.
    pub(crate) taken_in: Mutex<std::collections::HashSet<RoomKey>>,
    pub(crate) webhooks: Webhooks,
    pub(crate) attachments: Option<Attachments>,
    pub(crate) timers: Timers,
    /// Places of those who are handed what they missed.
    pub(crate) catching_up: Semaphore,
    pub(crate) catching_up_rooms: Mutex<CatchingUp>,
    pub(crate) leaving: AtomicBool,
    pub(crate) draining: AtomicBool,
    pub(crate) drained: Notify,
    /// The drain's time is over: nobody is waited for any more.
    pub(crate) is_late: watch::Sender<bool>,
    pub(crate) attending: Attending,
    pub(crate) progress: Progress,
    pub(crate) surgery: Surgery,
    pub(crate) tls: Option<Tls>,
    broker: OnceLock<Box<dyn Broker>>,
    pub(crate) bridge: OnceLock<Bridge>,
}

impl Node {
    /// A node over a store; it hears nothing until [`Node::join`].
    #[must_use]
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        auth: Arc<Auth>,
        authority: Arc<Authority>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let limits = &settings.limits;
        let uptime = Uptime::start();
        Self {
            limits: Limits::new(&settings),
            speech: Arc::new(Speech {
                plain: dialect(&settings.plain),
                deflate_min: settings.compression.min_bytes,
            }),
            rooms: RoomShards::default(),
            users: Arc::default(),
            presence: Mutex::default(),
            typing: Mutex::default(),
            peers: Mutex::new(Peers::new(millis(settings.broker.node_ttl))),
            connections_elsewhere: Mutex::default(),
            asks: Asks::default(),
            words_lost: Notify::new(),
            roll_call: OnceLock::new(),
            name: OnceLock::new(),
            own: Own::default(),
            inbox: Inbox::default(),
            moves: Moves::default(),
            receipts: Receipts::default(),
            admission: Arc::default(),
            returns: Arc::new(Returns::new(uptime, limits.returns_per_second)),
            loops: LoopBreaker::new(limits),
            console: Console::new(settings.console.enabled),
            taken_in: Mutex::default(),
            webhooks: Webhooks::default(),
            attachments: None,
            timers: Timers::default(),
            catching_up: Semaphore::new(CATCHING_UP_MAX),
            catching_up_rooms: Mutex::default(),
            leaving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            is_late: watch::Sender::new(false),
            attending: Attending::default(),
            progress: Progress::default(),
            surgery: Surgery::default(),
            tls: None,
            broker: OnceLock::new(),
            bridge: OnceLock::new(),
            settings,
            store,
            application: None,
            authority,
            auth,
            telemetry: Telemetry::default(),
            metrics,
            clock,
            uptime,
            epoch: 0,
        }
    }

    /// Takes part in what a broker carries. Only the first broker counts.
    pub fn join(&self, broker: Box<dyn Broker>) {
        let _ = self.broker.set(broker);
    }

    /// Has somebody at hand who finds out why connections fail. Only the first doctor counts.
    pub fn call_in(&self, doctor: Arc<dyn Doctor>) {
        self.surgery.call_in(doctor);
    }

    /// Tells every node what happened.
    pub fn publish(&self, happening: Happening) {
        if let Some(broker) = self.broker.get() {
            broker.publish(happening);
        }
    }

    /// Tells everybody who listens to a room, on every node, but the connection that knows already.
    pub(crate) fn tell_room(&self, room: &RoomKey, event: RoomEvent, except: Option<Uuid>) {
        self.tell_room_of(room, event, except, None);
    }

    /// The same, in a trace.
    pub(crate) fn tell_room_of(
        &self,
        room: &RoomKey,
        event: RoomEvent,
        except: Option<Uuid>,
        trace: Option<TraceContext>,
    ) {
        if event.is_stored()
            && let Some(hints) = self.store.hints()
        {
            hints.tell(room);
        }
        self.publish(Happening::Room {
            room: room.clone(),
            event,
            except,
            trace,
        });
    }

    pub(crate) fn broker(&self) -> Option<&dyn Broker> {
        self.broker.get().map(AsRef::as_ref)
    }

    /// Tells Django Channels what happened, where it is there. Does not wait.
    pub(crate) fn tell_channels(&self, said: impl FnOnce() -> Said) {
        if let Some(bridge) = self.bridge.get() {
            bridge.say(said());
        }
    }

    /// Whether what happens here is not heard through Django Channels, though it should be, nor the other way round.
    #[must_use]
    pub fn is_bridge_down(&self) -> bool {
        self.bridge.get().is_some_and(|bridge| !bridge.is_up())
    }

    /// Whether other nodes hear of what happens here only through the store, and the other way round.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.broker()
            .is_some_and(|broker| *broker.health().borrow() == Health::Away)
    }

    /// Handshakes a second that returning clients are spread over.
    #[must_use]
    pub fn accept_rate(&self) -> f64 {
        self.returns.rate()
    }

    /// Whether balancers should send nobody here any more: the node drains, or is about to.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Whether the node is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Ends the connections whose tokens were taken back, by whoever did it: another process tells the store alone.
    pub(crate) fn cut_revoked(&self) {
        for connection in self.users.all(|connection| self.is_revoked(connection)) {
            connection.close(Cause::TokenRevoked, "");
        }
    }

    /// Whether the token that a connection stands on was taken back.
    pub(crate) fn is_revoked(&self, connection: &Connection) -> bool {
        let tenant = &connection.opening.visitor.key.tenant;
        connection.stands_on(|jti| self.auth.revoked.is_revoked(tenant, jti))
    }

    /// Sends a frame to one connection.
    pub(crate) fn answer(&self, connection: &Connection, frame: &ServerFrame<'_>) {
        self.answer_json(connection, &frame.to_json());
    }

    /// Sends JSON to one connection.
    pub(crate) fn answer_json(&self, connection: &Connection, json: &[u8]) {
        connection.deliver(text_frame(json, connection.opening.variant, &self.speech).bytes());
    }

    /// Somebody was refused because a limit was reached; one of `tenant`, where that is known.
    pub(crate) fn note_limit(&self, limit: Limit, tenant: Option<&TenantId>) {
        self.metrics.limits_reached.get_or_create(&limit.into()).inc();
        if let Some(tenant) = tenant {
            self.count_limit(limit, tenant);
        }
    }

    /// Tells a client that a request was refused, in its own dialect; ends the connection if that is the end.
    pub(crate) fn answer_refusal(&self, connection: &Connection, reference: Option<u64>, refusal: &Refusal) {
        self.metrics.refusals.get_or_create(&refusal.cause.into()).inc();
        if let Some(limit) = refusal.limit {
            self.note_limit(limit, Some(&connection.opening.visitor.key.tenant));
        }
        if refusal.closes {
            connection.close(refusal.cause, &refusal.detail);
        } else if connection.opening.variant.plain {
            self.answer_json(
                connection,
                &self.speech.plain.write_error(refusal.cause, &refusal.detail),
            );
        } else {
            let frame = ServerFrame::Error {
                reference,
                chat: refusal.chat.as_ref(),
                id: refusal.id,
                cause: refusal.cause,
                detail: &refusal.detail,
                retry: refusal.cause.retry().as_str(),
                retry_in_ms: refusal.retry_in,
            };
            self.answer(connection, &frame);
        }
    }
}

pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn dialect(settings: &PlainSettings) -> plain::Dialect {
    let mut dialect = plain::Dialect::of(match settings.dialect {
        DialectPreset::Plain => plain::Preset::Plain,
        DialectPreset::ChannelsEs => plain::Preset::ChannelsEs,
    });
    dialect.bare_text = settings.bare_text;
    if let Some(field) = &settings.text_field {
        dialect.text_field.clone_from(field);
    }
    if let Some(field) = &settings.author_field {
        dialect.author_field.clone_from(field);
    }
    dialect
}
