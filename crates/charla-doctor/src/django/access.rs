//! Who may enter: the consumer's own condition, turned into SQL where it is made of columns alone.
//!
//! `u` is the user's row, `c` the chat's. What is not understood is told with its place, and no condition is made up.

use super::assigned::{assigned, written};
use super::condition::{Condition, and, choose, not, or};
use super::meaning::{Frame, Meaning};
use super::model::{Model, sql_name};
use super::syntax::{Expr, ExprKind, Stmt, StmtKind};
use super::tree::{Tree, text};

/// Functions that call functions.
pub(super) const DEPTH: u32 = 8;

/// What could not be understood, as `file:line what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclear(pub(super) String);

/// What conditions are told about.
pub(super) struct Rows<'t> {
    pub(super) tree: &'t Tree,
    pub(super) models: &'t [Model],
    /// The model of the users.
    pub(super) user: &'t Model,
    /// The model of the chats.
    pub(super) chat: &'t Model,
    /// Whether Django's own backend alone says who has which permission.
    pub(super) own_permissions: bool,
}

pub(super) type Told = Result<Condition, Unclear>;

impl Rows<'_> {
    /// What an expression stands for; a row of the users' model is the user.
    pub(super) fn meaning(&self, frame: &Frame<'_>, expr: &Expr) -> Meaning {
        let users = |model: &str| model == self.user.name || model == "get_user_model";
        match self.tree.meaning(frame, expr) {
            Meaning::Row(model, _) if users(&model) => Meaning::User(None),
            Meaning::Column(model, field) if users(&model) => Meaning::User(Some(field)),
            other => other,
        }
    }

    /// What lets somebody in where a condition would refuse: none where it only asks whether user and chat are there.
    pub(super) fn refused(&self, frame: &Frame<'_>, condition: &Expr) -> Result<Option<Condition>, Unclear> {
        if self.missing(frame, condition) {
            return Ok(None);
        }
        Ok(Some(not(self.condition(frame, condition, 0)?)))
    }

    /// The function that a condition asks, where it is one.
    pub(super) fn place(&self, frame: &Frame<'_>, condition: &Expr) -> Option<String> {
        let of = if let ExprKind::Not(of) = &condition.kind {
            of
        } else {
            condition
        };
        let ExprKind::Call(called, arguments) = &of.kind else {
            return None;
        };
        let inner = self.tree.entered(frame, called, arguments, 0)?;
        inner.function.map(|function| function.at())
    }

    /// What a function that answers yes or no asks for.
    pub(super) fn function(&self, frame: &Frame<'_>, depth: u32) -> Told {
        let body = frame.function.map(|function| function.it.body.as_slice());
        self.block(frame, body.unwrap_or_default(), depth)
    }

    pub(super) fn unclear<T>(frame: &Frame<'_>, expr: &Expr) -> Result<T, Unclear> {
        Err(Unclear(format!(
            "{}: {}",
            frame.module.at(expr.line),
            written(expr)
        )))
    }

    fn block(&self, frame: &Frame<'_>, body: &[Stmt], depth: u32) -> Told {
        let Some((first, rest)) = body.split_first() else {
            // Without an answer Python answers None.
            return Ok(Condition::False);
        };
        match &first.kind {
            StmtKind::Return(None) => Ok(Condition::False),
            StmtKind::Return(Some(value)) => self.condition(frame, value, depth),
            StmtKind::If(branches) => {
                let mut otherwise = None;
                for (condition, body) in branches.iter().rev() {
                    let then = if ends(body) {
                        self.block(frame, body, depth)?
                    } else {
                        let both: Vec<Stmt> = body.iter().chain(rest).cloned().collect();
                        self.block(frame, &both, depth)?
                    };
                    let Some(condition) = condition else {
                        otherwise = Some(then);
                        continue;
                    };
                    let other = match otherwise.take() {
                        Some(other) => other,
                        None => self.block(frame, rest, depth)?,
                    };
                    otherwise = Some(match self.missing(frame, condition) {
                        // The row that is missing answers by itself.
                        true => other,
                        false => choose(self.condition(frame, condition, depth)?, then, other),
                    });
                }
                Ok(otherwise.unwrap_or(Condition::False))
            }
            StmtKind::Try(body, _, otherwise, _) => {
                let all: Vec<Stmt> = body.iter().chain(otherwise).chain(rest).cloned().collect();
                self.block(frame, &all, depth)
            }
            StmtKind::With(_, body) => {
                let all: Vec<Stmt> = body.iter().chain(rest).cloned().collect();
                self.block(frame, &all, depth)
            }
            StmtKind::Expr(_)
            | StmtKind::Assign(..)
            | StmtKind::Import(_)
            | StmtKind::From { .. }
            | StmtKind::Opaque(_) => self.block(frame, rest, depth),
            StmtKind::Raise => Ok(Condition::False),
            StmtKind::Augment(..) | StmtKind::For(..) | StmtKind::Def(_) | StmtKind::Class(_) => {
                Err(Unclear(format!(
                    "{}: a statement that is not followed",
                    frame.module.at(first.line)
                )))
            }
        }
    }

    /// `if not chat:`, `if chat is None:`, `if user is None or not user.is_authenticated:`
    fn missing(&self, frame: &Frame<'_>, condition: &Expr) -> bool {
        let row = |expr: &Expr| {
            matches!(
                self.meaning(frame, expr),
                Meaning::Row(..) | Meaning::User(None) | Meaning::Kwarg(_)
            ) || is_signed_in(&self.meaning(frame, expr))
        };
        match &condition.kind {
            ExprKind::Not(of) => row(of),
            ExprKind::Compare(of, "is" | "==", none) => matches!(none.kind, ExprKind::None) && row(of),
            ExprKind::Or(a, b) => self.missing(frame, a) && self.missing(frame, b),
            ExprKind::Attribute(_, name) => name == "is_anonymous",
            _ => false,
        }
    }

    fn condition(&self, frame: &Frame<'_>, expr: &Expr, depth: u32) -> Told {
        if depth > DEPTH {
            return Self::unclear(frame, expr);
        }
        match &expr.kind {
            ExprKind::Bool(true) => Ok(Condition::True),
            ExprKind::Bool(false) | ExprKind::None => Ok(Condition::False),
            // A close code, which is what refuses.
            ExprKind::Number(code) => Ok(if code == "0" {
                Condition::False
            } else {
                Condition::True
            }),
            ExprKind::Choice(asked, then, other) => Ok(choose(
                self.condition(frame, asked, depth)?,
                self.condition(frame, then, depth)?,
                self.condition(frame, other, depth)?,
            )),
            ExprKind::Not(of) => Ok(not(self.condition(frame, of, depth)?)),
            ExprKind::And(a, b) => Ok(and(
                self.condition(frame, a, depth)?,
                self.condition(frame, b, depth)?,
            )),
            ExprKind::Or(a, b) => Ok(or(
                self.condition(frame, a, depth)?,
                self.condition(frame, b, depth)?,
            )),
            ExprKind::Compare(a, "is not", none) if matches!(none.kind, ExprKind::None) => {
                if matches!(self.meaning(frame, a), Meaning::Row(..) | Meaning::User(None)) {
                    return Ok(Condition::True);
                }
                match self.column(frame, a) {
                    Some((column, user)) => Ok(Condition::Sql(format!("{column} IS NOT NULL"), user)),
                    None => Self::unclear(frame, expr),
                }
            }
            ExprKind::Compare(a, operator @ ("==" | "!="), b) => {
                let (Some((a, first)), Some((b, second))) = (self.column(frame, a), self.column(frame, b))
                else {
                    return Self::unclear(frame, expr);
                };
                let operator = if *operator == "==" { "=" } else { "<>" };
                Ok(Condition::Sql(format!("{a} {operator} {b}"), first && second))
            }
            ExprKind::Compare(a, "in", b) => self.within(frame, expr, a, b),
            ExprKind::Call(called, arguments) => {
                if let Some(found) = self.exists(frame, expr) {
                    return found;
                }
                if called.last_name() == Some("bool")
                    && let [only] = arguments.as_slice()
                {
                    return self.condition(frame, &only.value, depth);
                }
                if let ExprKind::Attribute(of, asked) = &called.kind
                    && matches!(asked.as_str(), "has_perm" | "ahas_perm")
                    && matches!(self.meaning(frame, of), Meaning::User(None))
                {
                    return self.permitted(frame, expr, arguments);
                }
                match self.tree.entered(frame, called, arguments, 0) {
                    Some(inner) => self.function(&inner, depth + 1),
                    None => Self::unclear(frame, expr),
                }
            }
            ExprKind::Attribute(..) | ExprKind::Name(_) => self.truth(frame, expr, depth),
            _ => Self::unclear(frame, expr),
        }
    }

    /// A column that is true or false, or a name that something was assigned to.
    fn truth(&self, frame: &Frame<'_>, expr: &Expr, depth: u32) -> Told {
        let meaning = self.meaning(frame, expr);
        if is_signed_in(&meaning) {
            return Ok(Condition::True);
        }
        if let Some((column, user)) = self.column_of(&meaning)
            && matches!(meaning, Meaning::User(Some(_)) | Meaning::Column(..))
        {
            return Ok(Condition::Sql(column, user));
        }
        let function = frame.function.map(|function| function.it.body.as_slice());
        if let ExprKind::Name(name) = &expr.kind
            && let Some(value) = assigned(function.unwrap_or_default(), name)
        {
            return self.condition(frame, value, depth + 1);
        }
        if matches!(meaning, Meaning::Row(..) | Meaning::User(None)) {
            return Ok(Condition::True);
        }
        Self::unclear(frame, expr)
    }

    /// `user in chat.members.all()`, `user.role in ("support", "admin")`
    fn within(&self, frame: &Frame<'_>, expr: &Expr, one: &Expr, all: &Expr) -> Told {
        if let ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) = &all.kind
            && let Some((column, user)) = self.column(frame, one)
        {
            let words: Option<Vec<String>> = items
                .iter()
                .map(|item| self.column(frame, &item.value).map(|(value, _)| value))
                .collect();
            if let Some(words) = words {
                return Ok(Condition::Sql(
                    format!("{column} IN ({})", words.join(", ")),
                    user,
                ));
            }
        }
        let Some((one, _)) = self.column(frame, one) else {
            return Self::unclear(frame, expr);
        };
        let Some(chain) = self.tree.chain(frame, all) else {
            return Self::unclear(frame, expr);
        };
        self.queried(frame, expr, &chain, Some(&one))
    }

    /// `Member.objects.filter(chat=chat, user=user).exists()`
    fn exists(&self, frame: &Frame<'_>, expr: &Expr) -> Option<Told> {
        let chain = self.tree.chain(frame, expr)?;
        matches!(chain.last.as_str(), "exists" | "aexists" | "count" | "acount")
            .then(|| self.queried(frame, expr, &chain, None))
    }

    pub(super) fn column(&self, frame: &Frame<'_>, expr: &Expr) -> Option<(String, bool)> {
        match &expr.kind {
            ExprKind::Bool(value) => return Some((if *value { "TRUE" } else { "FALSE" }.into(), true)),
            ExprKind::Number(number) => return Some((number.clone(), true)),
            _ => {}
        }
        if let Some(text) = text(expr) {
            return Some((format!("'{}'", text.replace('\'', "''")), true));
        }
        // `chat.customer.pk` is the foreign key itself.
        if let ExprKind::Attribute(of, name) = &expr.kind
            && matches!(name.as_str(), "id" | "pk")
            && let Some(found) = self.column_of(&self.meaning(frame, of))
            && !found.1
        {
            return Some(found);
        }
        self.column_of(&self.meaning(frame, expr))
    }

    fn column_of(&self, meaning: &Meaning) -> Option<(String, bool)> {
        let of_user = |field: &str| Some((format!("u.{}", sql_name(self.user.column(field)?)), true));
        match meaning {
            Meaning::User(None) => of_user("pk"),
            Meaning::User(Some(field)) => of_user(field),
            Meaning::Row(model, _) if *model == self.chat.name => {
                Some((format!("c.{}", sql_name(&self.chat.key)), false))
            }
            Meaning::Column(model, field) if *model == self.chat.name => {
                Some((format!("c.{}", sql_name(self.chat.column(field)?)), false))
            }
            Meaning::Kwarg(_) => Some((format!("c.{}", sql_name(&self.chat.key)), false)),
            Meaning::Claim(_) => of_user("pk"),
            _ => None,
        }
    }
}

fn is_signed_in(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::User(Some(field)) if field == "is_authenticated")
}

/// Whether a block never goes on behind itself.
fn ends(body: &[Stmt]) -> bool {
    match body.last().map(|last| &last.kind) {
        Some(StmtKind::Return(_) | StmtKind::Raise) => true,
        Some(StmtKind::If(branches)) => {
            branches.iter().any(|(condition, _)| condition.is_none())
                && branches.iter().all(|(_, body)| ends(body))
        }
        _ => false,
    }
}
