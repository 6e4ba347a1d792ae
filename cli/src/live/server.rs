//! One server: it is asked within a deadline, and again where its connection has broken.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, Value};
use tokio::time::timeout;

use crate::replay::show::plain;
use crate::words::Address;

/// How long a server may take to answer, its connection included.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// The longest error that is shown whole.
const LONGEST: usize = 300;

/// What each command was answered, errors included.
pub(crate) type Answers = Vec<Result<Value, RedisError>>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away(pub(crate) String);

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RedisError> for Away {
    fn from(error: RedisError) -> Self {
        Self(words_of(&error))
    }
}

/// What an error says, in one line.
pub(crate) fn words_of(error: &RedisError) -> String {
    if error.kind() == ErrorKind::AuthenticationFailed {
        return "the user or the password is wrong".into();
    }
    let words = match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    };
    plain(&words, LONGEST)
}

/// A server, and the connection that it was last asked on.
#[derive(Debug)]
pub(crate) struct Server {
    address: Address,
    connection: Option<MultiplexedConnection>,
}

impl Server {
    /// The server at `address`, not connected yet.
    pub(crate) fn new(address: Address) -> Self {
        Self { address, connection: None }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Its name in everything that is shown.
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    /// Asks it all of `commands` at once.
    ///
    /// A connection that was kept may have broken since, which says nothing about the server: it
    /// is then asked on a new one.
    pub(crate) async fn ask(&mut self, commands: &[Cmd]) -> Result<Answers, Away> {
        let answered = match timeout(DEADLINE, self.ask_twice(commands)).await {
            Ok(answered) => answered.map_err(Away::from),
            Err(_) => Err(Away(format!("no answer within {} s", DEADLINE.as_secs()))),
        };
        if answered.is_err() {
            self.connection = None;
        }
        answered
    }

    /// Asks it one command.
    pub(crate) async fn ask_one(&mut self, command: Cmd) -> Result<Value, Away> {
        let answers = self.ask(&[command]).await?;
        let answer = answers.into_iter().next();
        answer.unwrap_or(Ok(Value::Nil)).map_err(Away::from)
    }

    async fn ask_twice(&mut self, commands: &[Cmd]) -> Result<Answers, RedisError> {
        if let Some(connection) = self.connection.as_mut()
            && let Ok(answers) = ask(connection, commands).await
        {
            return Ok(answers);
        }
        let mut connection = connect(&self.address).await?;
        let answers = ask(&mut connection, commands).await?;
        self.connection = Some(connection);
        Ok(answers)
    }
}

async fn connect(address: &Address) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(Some(DEADLINE));
    Client::open(address.connection())?.get_multiplexed_async_connection_with_config(&config).await
}

async fn ask(
    connection: &mut MultiplexedConnection,
    commands: &[Cmd],
) -> Result<Answers, RedisError> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline.ignore_errors().query_async(connection).await
}

/// A command of these words.
pub(crate) fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}

/// The text that a server answered, whatever its bytes.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        Value::Okay => "OK".into(),
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}
