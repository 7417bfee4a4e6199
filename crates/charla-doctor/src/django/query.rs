//! Django's query sets as chains of calls: what they start from, what they are filtered by.

use super::meaning::{Frame, Meaning};
use super::syntax::{Expr, ExprKind};
use super::tree::Tree;

/// What a chain starts from.
pub(super) enum From<'e> {
    /// `Model.objects`
    Model(String),
    /// `chat.members`
    Related(&'e Expr, String),
}

/// `Chat.objects.filter(...).first()`
pub(super) struct Chain<'e> {
    pub(super) from: From<'e>,
    /// `chat_id=5`
    pub(super) filters: Vec<(&'e str, &'e Expr)>,
    /// `Q(...)`
    pub(super) asked: Vec<&'e Expr>,
    /// The last method.
    pub(super) last: String,
}

/// Methods that narrow, order or answer.
const METHODS: [&str; 24] = [
    "filter",
    "get",
    "aget",
    "first",
    "afirst",
    "last",
    "alast",
    "exists",
    "aexists",
    "count",
    "acount",
    "all",
    "select_related",
    "prefetch_related",
    "only",
    "defer",
    "values_list",
    "values",
    "order_by",
    "distinct",
    "using",
    "create",
    "acreate",
    "get_or_create",
];

impl Tree {
    /// An expression as a chain.
    pub(super) fn chain<'e>(&self, frame: &Frame<'_>, expr: &'e Expr) -> Option<Chain<'e>> {
        let (mut filters, mut asked) = (Vec::new(), Vec::new());
        let mut last = String::new();
        let mut of = expr;
        while let ExprKind::Call(called, arguments) = &of.kind {
            // `get_object_or_404(Chat, id=5)`
            if let Some("get_object_or_404" | "aget_object_or_404") = called.last_name() {
                let model = arguments.first()?.value.last_name()?.to_owned();
                filters.extend(pairs(arguments));
                let last = if last.is_empty() { "get".to_owned() } else { last };
                return Some(Chain {
                    from: From::Model(model),
                    filters,
                    asked,
                    last,
                });
            }
            let ExprKind::Attribute(inner, method) = &called.kind else {
                return None;
            };
            if !METHODS.contains(&method.as_str()) {
                return None;
            }
            filters.extend(pairs(arguments));
            if last.is_empty() {
                last.clone_from(method);
            }
            if matches!(method.as_str(), "filter" | "get" | "aget") {
                if arguments.iter().any(|argument| argument.starred) {
                    return None;
                }
                let places = arguments.iter().filter(|argument| argument.name.is_none());
                asked.extend(places.map(|argument| &argument.value));
            }
            of = inner;
        }
        let ExprKind::Attribute(inner, name) = &of.kind else {
            return None;
        };
        if last.is_empty() {
            return None;
        }
        let from = match &inner.kind {
            ExprKind::Name(model) if self.is_model(frame, model) => From::Model(model.clone()),
            ExprKind::Attribute(_, model) if self.is_model(frame, model) => From::Model(model.clone()),
            // `get_user_model().objects`
            ExprKind::Call(called, _) if called.last_name() == Some("get_user_model") => {
                From::Model("get_user_model".into())
            }
            _ => From::Related(inner, name.clone()),
        };
        Some(Chain {
            from,
            filters,
            asked,
            last,
        })
    }

    fn is_model(&self, frame: &Frame<'_>, name: &str) -> bool {
        name.starts_with(char::is_uppercase)
            && (name == "User"
                || self.class(name, frame.module).is_some()
                || name.chars().any(char::is_lowercase))
    }

    /// The row that a chain looks up, with what it is looked up by.
    pub(super) fn row(&self, frame: &Frame<'_>, expr: &Expr, depth: u32) -> Option<Meaning> {
        let chain = self.chain(frame, expr)?;
        if !matches!(
            chain.last.as_str(),
            "get" | "aget" | "first" | "afirst" | "last" | "alast"
        ) {
            return None;
        }
        let From::Model(model) = chain.from else {
            return None;
        };
        let key = chain
            .filters
            .iter()
            .find(|(name, _)| matches!(*name, "id" | "pk"));
        let key = key.map(|(_, value)| Box::new(self.follow(frame, value, depth + 1)));
        Some(Meaning::Row(model, key))
    }
}

fn pairs(arguments: &[super::syntax::Argument]) -> impl Iterator<Item = (&str, &Expr)> {
    arguments
        .iter()
        .filter_map(|argument| Some((argument.name.as_deref()?, &argument.value)))
}
