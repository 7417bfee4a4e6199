//! Models and their tables, by Django's rules: `app_model`, unless `db_table` says otherwise; a foreign key's column ends in `_id`.

use std::borrow::Cow;
use std::path::Path;

use super::assigned::assigned;
use super::settings::Settings;
use super::syntax::{Class, Expr, ExprKind, StmtKind};
use super::tree::{In, Tree, named, text};
use super::value::Value;

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its class.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The column of its primary key.
    pub key: String,
    /// Its fields; those that it inherits too.
    pub fields: Vec<Field>,
    /// File and line; none for Django's own.
    pub at: Option<String>,
}

/// A field of a model.
#[derive(Clone, Debug)]
pub struct Field {
    /// As Python calls it.
    pub name: String,
    /// Its column; that of a many-to-many field is the table between.
    pub column: String,
    /// `CharField`, `ForeignKey` ...
    pub kind: String,
    /// The model that it leads to.
    pub to: Option<String>,
    /// What the other side calls it.
    pub related_name: Option<String>,
}

impl Model {
    /// A field by its name, or by the name of its column.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| {
            let leads = field.to.is_some() && name.strip_suffix("_id") == Some(field.name.as_str());
            field.name == name || field.column == name || leads
        })
    }

    /// The column of a field; `id` and `pk` are the key's.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&str> {
        if name == "pk" || name == "id" {
            return Some(&self.key);
        }
        let field = self.field(name)?;
        (field.kind != "ManyToManyField").then_some(field.column.as_str())
    }
}

/// Words that SQL keeps for itself, in one of its dialects or another, and that tables and columns are called by all the same.
const RESERVED: [&str; 40] = [
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "check",
    "column",
    "default",
    "desc",
    "distinct",
    "else",
    "end",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "index",
    "into",
    "is",
    "key",
    "left",
    "like",
    "limit",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "right",
    "select",
    "table",
    "to",
    "user",
];

/// A table or a column as SQL writes it; in double quotes where it must be.
#[must_use]
pub fn sql_name(name: &str) -> Cow<'_, str> {
    let is_simple = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_simple && !RESERVED.contains(&name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{name}\""))
    }
}

/// Every model of a project, the user's with it.
pub(super) fn models(tree: &Tree, settings: &Settings) -> Vec<Model> {
    let user_model = settings
        .text("AUTH_USER_MODEL")
        .unwrap_or_else(|| "auth.User".into());
    let user = user_model.rsplit('.').next().unwrap_or("User").to_owned();
    let mut models: Vec<Model> = tree
        .classes()
        .filter_map(|class| model(tree, settings, class, &user))
        .collect();
    if user_model == "auth.User" {
        models.push(auth_user());
    }
    models.push(Model {
        name: "Group".into(),
        table: "auth_group".into(),
        key: "id".into(),
        fields: vec![plain("name", "CharField")],
        at: None,
    });
    models
}

/// Django's own.
fn auth_user() -> Model {
    let mut fields = Vec::new();
    user_fields(&mut fields);
    Model {
        name: "User".into(),
        table: "auth_user".into(),
        key: "id".into(),
        fields,
        at: None,
    }
}

fn user_fields(fields: &mut Vec<Field>) {
    for (name, kind) in [
        ("username", "CharField"),
        ("first_name", "CharField"),
        ("last_name", "CharField"),
        ("email", "EmailField"),
        ("is_staff", "BooleanField"),
        ("is_active", "BooleanField"),
        ("is_superuser", "BooleanField"),
    ] {
        fields.push(plain(name, kind));
    }
}

fn plain(name: &str, kind: &str) -> Field {
    Field {
        name: name.into(),
        column: name.into(),
        kind: kind.into(),
        to: None,
        related_name: None,
    }
}

fn model(tree: &Tree, settings: &Settings, class: In<'_, Class>, user: &str) -> Option<Model> {
    let line = tree.line_of(class);
    let is_model = line.iter().any(|class| class.it.bases.iter().any(is_base));
    let meta = inner(class.it, "Meta");
    let meta_of = |name: &str| meta.and_then(|meta| assigned(&meta.body, name));
    let is_abstract = meta_of("abstract").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)));
    if !is_model || is_abstract {
        return None;
    }
    let app = meta_of("app_label")
        .and_then(text)
        .map(str::to_owned)
        .or_else(|| app_of(tree, settings, &class.module.file))?;
    let name = class.it.name.clone();
    let table = meta_of("db_table").and_then(text).map_or_else(
        || format!("{app}_{}", name.to_lowercase()),
        |table| table.trim_matches('"').to_owned(),
    );
    let mut fields = Vec::new();
    let mut key = "id".to_owned();
    let bases: Vec<&str> = line
        .iter()
        .flat_map(|class| class.it.bases.iter().filter_map(Expr::last_name))
        .collect();
    for class in line.iter().rev() {
        for stmt in &class.it.body {
            let StmtKind::Assign(targets, value) = &stmt.kind else {
                continue;
            };
            let (Some(ExprKind::Name(field)), Some(found)) = (
                targets.first().map(|target| &target.kind),
                field(field_name(targets), value, &table, user),
            ) else {
                continue;
            };
            if named(value, "primary_key").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true))) {
                key.clone_from(&found.column);
            }
            fields.retain(|known: &Field| known.name != *field);
            fields.push(found);
        }
    }
    if bases.contains(&"AbstractUser") {
        user_fields(&mut fields);
    } else {
        // Django's mixins.
        let mixed = |name: &str, fields: &mut Vec<Field>| {
            let mut all = Vec::new();
            user_fields(&mut all);
            fields.extend(all.into_iter().filter(|field| field.name == name));
        };
        if bases.contains(&"PermissionsMixin") {
            mixed("is_superuser", &mut fields);
        }
        if bases.contains(&"TenantMixin") {
            fields.push(plain("schema_name", "CharField"));
        }
    }
    Some(Model {
        name,
        table,
        key,
        fields,
        at: Some(class.at()),
    })
}

fn field_name(targets: &[Expr]) -> &str {
    match targets.first().map(|target| &target.kind) {
        Some(ExprKind::Name(name)) => name,
        _ => "",
    }
}

fn is_base(base: &Expr) -> bool {
    let name = base.last_name().unwrap_or_default();
    let models = matches!(&base.kind, ExprKind::Attribute(of, own) if own == "Model" && of.last_name() == Some("models"));
    models
        || matches!(
            name,
            "Model"
                | "AbstractUser"
                | "AbstractBaseUser"
                | "TenantMixin"
                | "DomainMixin"
                | "TimeStampedModel"
                | "MPTTModel"
        )
}

fn field(name: &str, value: &Expr, table: &str, user: &str) -> Option<Field> {
    let ExprKind::Call(called, arguments) = &value.kind else {
        return None;
    };
    let kind = called.last_name().filter(|kind| {
        kind.ends_with("Field") || matches!(*kind, "ForeignKey" | "ParentalKey" | "TreeForeignKey")
    })?;
    let leads =
        kind.ends_with("ForeignKey") || matches!(kind, "OneToOneField" | "ManyToManyField" | "ParentalKey");
    let target = named(value, "to").or_else(|| {
        arguments
            .first()
            .filter(|given| given.name.is_none())
            .map(|given| &given.value)
    });
    let to = target.filter(|_| leads).and_then(|target| {
        let name = text(target).or_else(|| target.last_name())?;
        let name = name.rsplit('.').next().unwrap_or(name);
        Some(
            if matches!(name, "AUTH_USER_MODEL" | "get_user_model") {
                user
            } else {
                name
            }
            .to_owned(),
        )
    });
    let given = named(value, "db_column")
        .or_else(|| named(value, "db_table"))
        .and_then(text);
    let column = match given {
        Some(given) => given.to_owned(),
        None if kind == "ManyToManyField" => format!("{table}_{name}"),
        None if leads => format!("{name}_id"),
        None => name.to_owned(),
    };
    Some(Field {
        name: name.to_owned(),
        column,
        kind: kind.to_owned(),
        to,
        related_name: named(value, "related_name").and_then(text).map(str::to_owned),
    })
}

fn inner<'t>(class: &'t Class, name: &str) -> Option<&'t Class> {
    class.body.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Class(inner) if inner.name == name => Some(inner),
        _ => None,
    })
}

/// The label of the application that a file belongs to: `label` of its `AppConfig`, else its folder's name.
fn app_of(tree: &Tree, settings: &Settings, file: &Path) -> Option<String> {
    let apps = settings
        .get("INSTALLED_APPS")
        .and_then(Value::list)
        .unwrap_or_default();
    let apps: Vec<String> = apps.iter().filter_map(Value::text).collect();
    let folder = file.parent()?;
    let folder = if folder.file_name().is_some_and(|name| name == "models") {
        folder.parent()?
    } else {
        folder
    };
    let config = tree
        .modules
        .iter()
        .find(|module| module.file == folder.join("apps.py"));
    let label = config.and_then(|module| {
        module.body.iter().find_map(|stmt| match &stmt.kind {
            StmtKind::Class(class) => assigned(&class.body, "label").and_then(text),
            _ => None,
        })
    });
    let name = folder.file_name()?.to_string_lossy().into_owned();
    // A folder that is no application has no tables, unless nothing is known of applications.
    let installed = apps.is_empty()
        || apps.iter().any(|app| {
            let app = app.split(".apps.").next().unwrap_or(app);
            app.rsplit('.').next() == Some(name.as_str())
        });
    match label {
        Some(label) => Some(label.to_owned()),
        None => installed.then_some(name),
    }
}
