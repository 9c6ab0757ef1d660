//! `CREATE EXTERNAL MODEL`: language models behind endpoints.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use semql_udfs::inference::models::{DETERMINISTIC, catalogue};
use semql_udfs::language_models::{EndpointOptions, LanguageModel, SchemaSupport};
use semql_udfs::learning::trained_models::model_exists;

use super::context::StatementContext;
use super::language_model_syntax::CreateLanguageModel;
use super::outcome::Outcome;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Runs `CREATE EXTERNAL MODEL`. Sends nothing: the first query does.
///
/// # Errors
/// What the policy refuses; a name that is taken, without `OR REPLACE`; invalid options.
pub fn create(context: &StatementContext, create: &CreateLanguageModel) -> Result<Outcome> {
    let session = &context.session;
    session.policy.check_write("CREATE EXTERNAL MODEL")?;
    let options = EndpointOptions::parse(&create.name, &create.location, &create.options)?;
    session.policy.check_url(&options.location)?;
    if options.api_key_env.is_some() {
        session.policy.check_key_variable()?;
    }
    let models = session.ai.language_models();
    if create.if_not_exists && models.get(&create.name).is_some() {
        return Ok(Outcome::done(format!(
            "there is already an external model {}",
            create.name
        )));
    }
    check_name(session, &create.name)?;
    let in_clear = options.sends_key_in_clear().then(|| {
        format!(
            "The key of {} is sent without encryption, as {} is not HTTPS.",
            create.name, options.location
        )
    });
    models.put(options, create.replace)?;
    if let Some(notice) = in_clear {
        context.observer.notice(&notice);
    }
    Ok(Outcome::done(format!(
        "created external model {}",
        create.name
    )))
}

/// Checks that no model of another kind has this name.
fn check_name(session: &Session, name: &str) -> Result<()> {
    let taken = |what: &str| {
        Err(ShellError::of_kind(
            ErrorKind::Statement,
            format!("there is already {what} called '{name}'; choose another name"),
        ))
    };
    if model_exists(name)? {
        return taken("a trained model");
    }
    if name == DETERMINISTIC || catalogue::find(name).is_some() {
        return taken("an encoder");
    }
    match session.ai.attribute_set(name) {
        Ok(_) => taken("an attribute set"),
        Err(_) => Ok(()),
    }
}

/// The options of a language model, as rows. Keys are not among them.
///
/// # Errors
/// Those of Arrow.
pub fn describe(model: &Arc<LanguageModel>) -> Result<Outcome> {
    let options = model.options();
    let json_schema = match options.json_schema {
        SchemaSupport::Auto => "auto",
        SchemaSupport::On => "on",
        SchemaSupport::Off => "off",
    };
    let rows = [
        ("name", Some(options.name.clone())),
        ("type", Some("openai".to_string())),
        ("location", Some(options.location.to_string())),
        ("model", Some(options.model.clone())),
        ("api_key_env", options.api_key_env.clone()),
        ("concurrency", Some(options.concurrency.to_string())),
        ("timeout", Some(format!("{:?}", options.timeout))),
        ("max_tokens", options.max_tokens.map(|n| n.to_string())),
        ("temperature", Some(options.temperature.to_string())),
        ("max_retries", Some(options.max_retries.to_string())),
        ("max_input_chars", Some(options.max_input_chars.to_string())),
        ("json_schema", Some(json_schema.to_string())),
    ];
    let names: StringArray = rows.iter().map(|(name, _)| Some(*name)).collect();
    let values: StringArray = rows.iter().map(|(_, value)| value.as_deref()).collect();
    Ok(Outcome::of_batch(RecordBatch::try_from_iter_with_nullable(
        [
            ("option", Arc::new(names) as ArrayRef, false),
            ("value", Arc::new(values) as ArrayRef, true),
        ],
    )?))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use arrow::array::AsArray;
    use futures::TryStreamExt;

    use super::*;
    use crate::policy::{AllowedHosts, AllowedPaths, Policy};
    use crate::session::SessionOptions;
    use crate::statement::observer::StatementObserver;
    use crate::statement::parsed::StatementCommand;
    use crate::statement::parser::parse_one;

    #[derive(Default)]
    struct Notices(Mutex<Vec<String>>);

    impl StatementObserver for Notices {
        fn notice(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_string());
        }
    }

    struct TestSession {
        context: StatementContext,
        notices: Arc<Notices>,
    }

    impl TestSession {
        async fn open(policy: Policy) -> Self {
            let options = SessionOptions {
                policy,
                ..SessionOptions::default()
            };
            let notices = Arc::new(Notices::default());
            let context = StatementContext {
                session: Arc::new(Session::open(&options).await.unwrap()),
                observer: notices.clone(),
            };
            Self { context, notices }
        }

        fn run(&self, sql: &str) -> Result<String> {
            let StatementCommand::CreateLanguageModel(create) = parse_one(sql).unwrap().command
            else {
                panic!("{sql}");
            };
            match super::create(&self.context, &create)? {
                Outcome::Done { message, .. } => Ok(message),
                Outcome::Rows { .. } => panic!("{sql} has rows"),
            }
        }
    }

    fn closed(hosts: &[&str]) -> Policy {
        let hosts = hosts.iter().map(|host| (*host).to_string()).collect();
        Policy::closed("semql serve", AllowedPaths::below([]))
            .with_writes(true)
            .with_hosts(AllowedHosts::Listed(hosts))
    }

    fn sql(name: &str, location: &str, options: &str) -> String {
        format!(
            "CREATE EXTERNAL MODEL {name} TYPE openai LOCATION '{location}' OPTIONS (model 'x'{options})"
        )
    }

    const LOCAL: &str = "http://127.0.0.1:11434/v1";

    #[tokio::test]
    async fn names_are_unique_among_models() {
        let session = TestSession::open(Policy::unrestricted()).await;
        let create = sql("unit_llm", LOCAL, "");
        session.run(&create).unwrap();
        let again = session.run(&create).unwrap_err();
        assert!(again.message.contains("OR REPLACE"), "{again}");
        let replace = create.replace("CREATE", "CREATE OR REPLACE");
        session.run(&replace.replace("'x'", "'y'")).unwrap();
        let skip = create.replace("MODEL unit_llm", "MODEL IF NOT EXISTS unit_llm");
        let message = session.run(&skip).unwrap();
        assert!(message.contains("already"), "{message}");
        let kept = session.context.session.ai.language_models().get("unit_llm");
        assert_eq!(kept.unwrap().options().model, "y");
        for (name, taken) in [
            ("\"all-minilm-l6-v2\"", "an encoder"),
            ("deterministic", "an encoder"),
            ("products", "an attribute set"),
            ("\"a/b\"", "not a valid name"),
        ] {
            let error = session.run(&sql(name, LOCAL, "")).unwrap_err();
            assert!(error.message.contains(taken), "{name}: {error}");
        }
    }

    #[tokio::test]
    async fn clients_reach_allowed_hosts_only_and_name_no_variable() {
        let read_only = TestSession::open(closed(&["127.0.0.1"]).with_writes(false)).await;
        let error = read_only.run(&sql("unit_a", LOCAL, "")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::ReadOnly, "{error}");

        let session = TestSession::open(closed(&["127.0.0.1"])).await;
        session.run(&sql("unit_a", LOCAL, "")).unwrap();
        for (location, options, advice) in [
            ("https://example.com/v1", "", "--allow-network=example.com"),
            (LOCAL, ", api_key_env 'HOME'", "api_key_env"),
        ] {
            let error = session.run(&sql("unit_b", location, options)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
            assert!(error.message.contains(advice), "{error}");
        }
        let models = session.context.session.ai.language_models();
        assert_eq!(models.list().len(), 1);
    }

    #[tokio::test]
    async fn a_key_without_encryption_is_reported() {
        let session = TestSession::open(Policy::unrestricted()).await;
        let key = ", api_key_env 'KEY'";
        session.run(&sql("unit_a", LOCAL, key)).unwrap();
        session
            .run(&sql("unit_b", "https://example.com/v1", key))
            .unwrap();
        assert!(session.notices.0.lock().unwrap().is_empty());
        session
            .run(&sql("unit_c", "http://example.com/v1", key))
            .unwrap();
        let notices = session.notices.0.lock().unwrap();
        assert!(
            notices.concat().contains("without encryption"),
            "{notices:?}"
        );
    }

    #[tokio::test]
    async fn the_description_has_every_option() {
        let session = TestSession::open(Policy::unrestricted()).await;
        session.run(&sql("unit_a", LOCAL, "")).unwrap();
        let model = session.context.session.ai.language_models().get("unit_a");
        let Outcome::Rows { schema, stream } = describe(&model.unwrap()).unwrap() else {
            panic!("no rows");
        };
        assert_eq!(schema.field(0).name(), "option");
        let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
        let options = batches[0].column(0).as_string::<i32>();
        let options: Vec<&str> = options.iter().flatten().collect();
        for key in EndpointOptions::KEYS {
            assert!(options.contains(key), "{key}");
        }
    }
}
