//! A group of new messages, column by column.

use std::borrow::Cow;

use uuid::Uuid;

use super::super::numbering::Numbered;
use super::super::rows::{self, attachments_text, escaped};

/// A group as the arrays that its statements take.
pub(super) struct Columns<'a> {
    pub(super) chats: Vec<i64>,
    pub(super) seqs: Vec<i64>,
    pub(super) ids: Vec<Uuid>,
    pub(super) authors: Vec<&'a str>,
    pub(super) names: Vec<Cow<'a, str>>,
    pub(super) texts: Vec<Cow<'a, str>>,
    pub(super) data: Vec<Option<Cow<'a, str>>>,
    pub(super) sent_at: Vec<i64>,
    pub(super) attachments: Vec<Option<String>>,
    pub(super) moved: Vec<i64>,
    pub(super) last_seqs: Vec<i64>,
    pub(super) places: Vec<i64>,
    pub(super) marked: Vec<i64>,
    pub(super) readers: Vec<&'a str>,
    pub(super) marks: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(numbered: &'a Numbered) -> Self {
        let fresh = || numbered.fresh.iter().map(|fresh| &fresh.stored);
        let drafts = || fresh().map(|stored| &stored.draft);
        Self {
            chats: numbered.fresh.iter().map(|fresh| fresh.chat).collect(),
            seqs: fresh().map(|stored| rows::number(stored.seq)).collect(),
            ids: drafts().map(|draft| draft.id).collect(),
            authors: drafts().map(|draft| draft.author.id.as_str()).collect(),
            names: drafts().map(|draft| escaped(&draft.author.name)).collect(),
            texts: drafts().map(|draft| escaped(&draft.text)).collect(),
            data: drafts().map(|draft| draft.data.as_deref().map(escaped)).collect(),
            sent_at: fresh().map(|stored| stored.sent_at.as_millis()).collect(),
            attachments: drafts()
                .map(|draft| attachments_text(&draft.attachments))
                .collect(),
            moved: numbered.moved.keys().copied().collect(),
            last_seqs: numbered
                .moved
                .values()
                .map(|(seq, _)| rows::number(*seq))
                .collect(),
            places: numbered
                .moved
                .values()
                .map(|(_, place)| rows::limit(*place))
                .collect(),
            marked: numbered.marks.keys().map(|(chat, _)| *chat).collect(),
            readers: numbered.marks.keys().map(|(_, reader)| reader.as_str()).collect(),
            marks: numbered.marks.values().map(|seq| rows::number(*seq)).collect(),
        }
    }
}
