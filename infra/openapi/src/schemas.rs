//! Schemas: what the tables say of values, in the words of JSON Schema.

use shared::domain::{Object, Schema, Text};

use crate::{Json, json::object};

/// The schemas that have a name, in the order in which they are met.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Vec<(String, Json)>);

/// What an error looks like: `ApiError::problem` in shared writes it.
pub(crate) const PROBLEM: &str = "#/components/schemas/Problem";

impl Schemas {
    /// The form of this value; what has a name is referred to.
    pub(crate) fn of(&mut self, schema: &Schema) -> Json {
        match schema {
            Schema::Any => object! {},
            Schema::Text(form) => text(form),
            Schema::OneOf { name, values } => {
                let values: Vec<Json> = values.iter().map(|value| Json::from(*value)).collect();
                self.named(name, object! { "type" => "string", "enum" => values })
            }
            Schema::Id(_) => object! { "type" => "integer", "format" => "int64", "minimum" => 1_i64 },
            Schema::Integer => object! { "type" => "integer", "format" => "int64" },
            Schema::Timestamp => object! { "type" => "string", "format" => "date-time" },
            Schema::Date { earliest } => object! {
                "type" => "string",
                "format" => "date",
                "description" => format!("From {earliest} to today, wherever that is on earth."),
            },
            Schema::Object(form) => {
                let schema = self.object(form);
                self.named(client_name(form.name), schema)
            }
            Schema::List(item) => object! { "type" => "array", "items" => self.of(item) },
        }
    }

    fn object(&mut self, form: &Object) -> Json {
        let required = form.members.iter().filter(|member| member.required);
        let required: Vec<Json> = required.map(|member| member.name.into()).collect();
        let mut schema = object! { "type" => "object", "description" => form.summary.trim() };
        if !required.is_empty() {
            schema.insert("required", required);
        }
        if form.at_least_one {
            schema.insert("minProperties", 1_i64);
        }
        let properties = form.members.iter().map(|member| (member.name.to_owned(), self.of(&member.schema)));
        schema.with("properties", properties.collect::<Vec<_>>())
    }

    /// A reference to it. Another schema of the same name, as tests may have, gets a number behind it.
    fn named(&mut self, name: &str, schema: Json) -> Json {
        let (mut unique, mut number) = (name.to_owned(), 1);
        loop {
            match self.0.iter().find(|(known, _)| *known == unique) {
                Some((_, known)) if *known == schema => break,
                Some(_) => {
                    number += 1;
                    unique = format!("{name}{number}");
                }
                None => {
                    self.0.push((unique.clone(), schema));
                    break;
                }
            }
        }
        object! { "$ref" => format!("#/components/schemas/{unique}") }
    }

    /// All of them, and those of errors.
    pub(crate) fn finish(self) -> Json {
        Json::Object(self.0).with("Problem", problem()).with("FieldError", field_error())
    }
}

/// What clients call a type. A generated Python client has a class of this name beside an import of
/// `collections.abc.Mapping`, which it would hide.
fn client_name(name: &str) -> &str {
    if name == "Mapping" { "Assignment" } else { name }
}

fn text(form: &Text) -> Json {
    let mut schema = object! { "type" => "string" };
    if let Some(format) = form.format {
        schema.insert("format", format);
    }
    if form.min > 0 {
        schema.insert("minLength", form.min);
    }
    if form.max < usize::MAX {
        schema.insert("maxLength", form.max);
    }
    match form.rule.trim() {
        "" => schema,
        rule => schema.with("description", rule),
    }
}

fn problem() -> Json {
    let text = |description: &str| object! { "type" => "string", "description" => description };
    let required = ["type", "title", "status", "code", "message", "detail", "requestId"];
    object! {
        "type" => "object",
        "description" => "An error (RFC 9457).",
        "required" => required.map(Json::from).to_vec(),
        "properties" => object! {
            "type" => text("Always `about:blank`: the code says what it is."),
            "title" => text("What the status is called."),
            "status" => object! { "type" => "integer", "description" => "The HTTP status." },
            "code" => text("A stable word for programs. New ones may come."),
            "message" => text("A sentence for people."),
            "detail" => text("The same sentence, where RFC 9457 puts it."),
            "requestId" => text("As in the `x-request-id` header: quote it when you ask."),
            "errors" => object! {
                "type" => "array",
                "description" => "An entry for each wrong field, on 400 only.",
                "items" => object! { "$ref" => "#/components/schemas/FieldError" },
            },
        },
    }
}

fn field_error() -> Json {
    object! {
        "type" => "object",
        "description" => "A wrong field of a body.",
        "required" => ["field", "message"].map(Json::from).to_vec(),
        "properties" => object! {
            "field" => object! { "type" => "string", "description" => "Its key in the body." },
            "message" => object! { "type" => "string", "description" => "What it must be." },
        },
    }
}
