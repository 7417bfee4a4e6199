/**
 * @file What the server tells, by type. Types only: nothing is loaded from here.
 *
 * @typedef {{id: string, name: string}} Person
 * @typedef {Person & {role: "member" | "agent"}} Me
 *
 * @typedef {object} Welcome
 * @property {string} session
 * @property {Me} user
 * @property {string} tenant
 * @property {number} heartbeat_ms
 * @property {string | null} token_expires_at
 * @property {string} server_time
 * @property {string} version
 *
 * @typedef {{id: string, name: string, type: string, bytes: number}} Attachment
 *
 * @typedef {object} Message
 * @property {string} chat
 * @property {number} seq Its place in the chat: 1, 2, 3 ... without gaps.
 * @property {string} id The sender's own.
 * @property {Person} author
 * @property {string} text Empty when it was deleted.
 * @property {any} [data] The application's own JSON.
 * @property {Attachment[]} [attachments] Files that belong to it: `charla/attach` says where each can be fetched.
 * @property {string} sent_at
 * @property {string} [edited_at]
 * @property {boolean} [deleted]
 *
 * @typedef {object} Subscribed
 * @property {string} chat
 * @property {string} title
 * @property {"open" | "closed"} state
 * @property {"member" | "agent"} role
 * @property {number} seq The chat's last message.
 * @property {number} rev The chat's last edit or deletion.
 * @property {number} [epoch] What both count in: another one after the server's store was put back from a backup.
 * @property {boolean} resumed Everything missed follows as events. False: the list on the screen is out of date.
 * @property {Omit<Message, "chat">[]} messages
 * @property {Omit<Message, "chat">[]} [changed]
 * @property {Person[]} members_online
 * @property {{user: string, seq: number}[]} [reads]
 *
 * @typedef {{chat: string, id: string, seq: number, sent_at: string}} Ack
 * @typedef {{chat: string, seq: number, rev: number}} Changed
 * @typedef {{messages: Omit<Message, "chat">[], more: boolean}} History
 * @typedef {Omit<Message, "chat"> & {hits: [number, number][]}} Hit A message, and where the words stand in its text: from, and how many characters.
 * @typedef {{messages: Hit[], more: boolean, complete: boolean}} Found Newest first. Not complete: the oldest messages are still being taken into the search.
 * @typedef {{chat: string, seq: number, rev?: number, text: string, edited_at?: string, by?: Person}} Edited
 * @typedef {{chat: string, seq: number, rev?: number, deleted_at?: string, by?: Person}} Deleted
 * @typedef {{chat: string, user: Person, seq: number}} Read
 * @typedef {{chat: string, user: Person, on: boolean}} Typing
 * @typedef {{chat: string, user: Person, state: "joined" | "left"}} Presence
 * @typedef {{chat: string, by: Person, at: string, reason?: string}} Closed
 * @typedef {{chat: string, by: Person, at: string}} Reopened
 * @typedef {{id: number, kind: string, text: string, url?: string, data?: any, created_at: string}} Notification
 * @typedef {{chat: string, title: string, seq: number, unread: number, preview: string, author: Person, sent_at: string}} Inbox
 * @typedef {{cause: string, detail?: string, retry: import("./closes.js").Retry, chat?: string}} Refused
 *
 * @typedef {object} Events What a client tells, by name.
 * @property {import("./state.js").State & {previous: string}} state
 * @property {import("./link.js").Note} trace
 * @property {Welcome} welcome
 * @property {Subscribed} subscribed
 * @property {Message} message
 * @property {Edited} edited
 * @property {Deleted} deleted
 * @property {Read} read
 * @property {Typing} typing
 * @property {Presence} presence
 * @property {Inbox} inbox
 * @property {Notification} notification
 * @property {Closed} closed
 * @property {Reopened} reopened
 * @property {Refused} refused An error that answers no request of ours.
 */
export {};
