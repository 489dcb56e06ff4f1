//! What happened: every request with the instants of its invocation and its completion, every fault, and what was
//! there at the end. It holds what was asked and what came back, and nothing that a client concluded from it.

use std::{fmt, time::Duration};

/// A point in time, from the start of the run.
pub(crate) type At = Duration;

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The id of each user in the API.
    pub(crate) users: Vec<i64>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) faults: Vec<Injected>,
    pub(crate) end: End,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Who sent it.
    pub(crate) user: usize,
    pub(crate) action: Action,
    pub(crate) invoked: At,
    pub(crate) completed: At,
    pub(crate) answer: Answer,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A user of this name, who does nothing afterwards.
    Register(Name),
    Login,
    Create(Kind, Name),
    /// Assigns a doctor to a patient.
    Assign {
        patient: i64,
        doctor: i64,
    },
    Read(Kind, i64),
    List(Kind),
    /// The doctors of a patient.
    ListOf(i64),
    Update(Kind, i64, Name),
    Delete(Kind, i64),
}

/// What there are records of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Patient,
    Doctor,
    Mapping,
}

/// What a record is called: it tells whose it is and which write it is the work of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    /// Who created it.
    pub(crate) user: usize,
    /// The number of the creation.
    pub(crate) birth: u64,
    /// The number of the creation or update that wrote this.
    pub(crate) edit: u64,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) by: By,
    /// The id that the gateway gave the request.
    pub(crate) request: String,
    /// The records in it.
    pub(crate) rows: Vec<Row>,
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Function,
    Gateway,
    /// There is none: the connection ended, or the client gave up.
    Nobody,
}

/// What an answer says of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    Refused,
    Unknown,
}

/// A record as an answer or a table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) id: i64,
    /// 1 for a mapping, which cannot be changed.
    pub(crate) version: i64,
    /// The name, a mapping's patient's; `None` for one that nobody wrote.
    pub(crate) name: Option<Name>,
    /// Whether the other fields are those that were written with the name.
    pub(crate) is_whole: bool,
    /// The id of the user whose it says it is, for a patient.
    pub(crate) owner: Option<i64>,
    /// Patient and doctor, for a mapping.
    pub(crate) pair: Option<(i64, i64)>,
}

/// A fault and how long it took.
#[derive(Clone, Debug)]
pub(crate) struct Injected {
    pub(crate) kind: &'static str,
    /// The kind and how it was done.
    pub(crate) what: String,
    /// Whether it ends processes in the middle of their work, for which the gateway answers by itself.
    pub(crate) kills_environments: bool,
    pub(crate) begun: At,
    pub(crate) healed: At,
    /// How long after that each function had answered a request again.
    pub(crate) recovered: Duration,
}

/// What was there when all was over.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    pub(crate) at: At,
    /// The rows of the tables.
    pub(crate) tables: Vec<Row>,
    /// The names in the table of users.
    pub(crate) names: Vec<Name>,
    /// What the API lists, user by user.
    pub(crate) listed: Vec<Vec<Row>>,
    /// The audit trail of what changed something.
    pub(crate) audit: Vec<Audited>,
}

/// A row of the audit trail that says `ok`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audited {
    pub(crate) action: String,
    pub(crate) record: Option<i64>,
    pub(crate) request: String,
}

impl Name {
    /// A name given at creation.
    pub(crate) fn new(user: usize, birth: u64) -> Self {
        Self { user, birth, edit: birth }
    }

    /// The name that another write gives the same record.
    pub(crate) fn edited(self, edit: u64) -> Self {
        Self { edit, ..self }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("Nemesis ")?.split(' ');
        let mut next = || parts.next()?.parse::<u64>().ok();
        let name = Self { user: usize::try_from(next()?).ok()?, birth: next()?, edit: next()? };
        parts.next().is_none().then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nemesis {} {} {}", self.user, self.birth, self.edit)
    }
}

impl Answer {
    pub(crate) fn outcome(&self) -> Outcome {
        match self.status {
            200..=299 => Outcome::Acknowledged,
            400..=499 => Outcome::Refused,
            _ => Outcome::Unknown,
        }
    }
}

impl Operation {
    pub(crate) fn took(&self) -> Duration {
        self.completed.saturating_sub(self.invoked)
    }
}

impl Action {
    /// What the audit trail calls it, if it changes something.
    pub(crate) fn audited_as(self) -> Option<&'static str> {
        Some(match self {
            Self::Register(_) => "auth.register",
            Self::Login => "auth.login",
            Self::Create(Kind::Doctor, _) => "doctor.create",
            Self::Create(_, _) => "patient.create",
            Self::Assign { .. } => "mapping.create",
            Self::Update(Kind::Doctor, _, _) => "doctor.update",
            Self::Update(_, _, _) => "patient.update",
            Self::Delete(Kind::Patient, _) => "patient.delete",
            Self::Delete(Kind::Doctor, _) => "doctor.delete",
            Self::Delete(Kind::Mapping, _) => "mapping.delete",
            Self::Read(..) | Self::List(_) | Self::ListOf(_) => return None,
        })
    }
}
