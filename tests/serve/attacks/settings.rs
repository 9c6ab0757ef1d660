//! Settings that clients must not change.

use std::path::Path;
use std::process::Command;

use super::FORBIDDEN;
use crate::serve::canary::Canary;
use crate::serve::server::there_is;
use crate::serve::wire::{USER_ADA, WireClient};
use crate::support::process;

/// SQLSTATEs of a setting out of its bounds.
const OUT_OF_BOUNDS: &[&str] = &["22023", "42501"];

/// Settings of the machine, with a harmful value.
const MACHINE_SETTINGS: &[(&str, &str)] = &[
    ("ai.onnxruntime", "library.so"),
    ("ai.cache", "stolen"),
    ("ai.cache_size", "1000GB"),
    ("ai.model_dir", "stolen"),
    ("ai.device", "cuda"),
    ("ai.device_memory", "1000GB"),
    ("ai.threads", "1024"),
    ("ai.batch_tokens", "100000000"),
    ("ai.tracking_uri", "http://127.0.0.1:5000"),
    ("ai.tracking_experiment", "stolen"),
    ("datafusion.runtime.memory_limit", "1000G"),
    ("datafusion.runtime.temp_directory", "stolen"),
    ("datafusion.runtime.max_temp_directory_size", "1000G"),
    ("datafusion.catalog.location", "stolen"),
    ("datafusion.catalog.format", "csv"),
    (
        "datafusion.catalog.create_default_catalog_and_schema",
        "false",
    ),
    ("datafusion.catalog.information_schema", "false"),
];

/// Settings of queries, with a value that would end the process.
const EXTREME_SETTINGS: &[(&str, &str)] = &[
    ("datafusion.execution.batch_size", "100000000000"),
    ("datafusion.execution.batch_size", "0"),
    ("datafusion.execution.batch_size", "-1"),
    ("datafusion.execution.target_partitions", "100000000000"),
    (
        "datafusion.execution.sort_spill_reservation_bytes",
        "1000000000000000000",
    ),
    ("datafusion.execution.planning_concurrency", "100000000000"),
    (
        "datafusion.execution.meta_fetch_concurrency",
        "100000000000",
    ),
    ("datafusion.sql_parser.recursion_limit", "100000000"),
];

#[test]
fn settings_of_the_machine_are_fixed() {
    let canary = Canary::start(&[]);
    for (name, value) in MACHINE_SETTINGS {
        let spaced = name.replace('.', " . ");
        let quoted = name.split('.').collect::<Vec<_>>().join("\".\"");
        for statement in [
            format!("SET {name} = '{value}'"),
            format!("SET {name} TO '{value}'"),
            format!("set {} = '{value}'", name.to_uppercase()),
            format!("SET {spaced} = '{value}'"),
            format!("SET SESSION {name} = '{value}'"),
            format!("SET LOCAL {name} = '{value}'"),
            format!("/* x */ SET -- x\n {name} = '{value}'"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SET \"{quoted}\" = '{value}'"),
            format!("SET \"{name}\" = '{value}'"),
            format!("SET `{name}` = '{value}'"),
            format!("SET {name} '{value}'"),
            format!("SET GLOBAL {name} = '{value}'"),
            format!("ALTER SESSION SET {name} = '{value}'"),
        ] {
            canary.fails(&statement);
        }
        for statement in [
            format!("/*! SET {name} = '{value}'; */ SELECT embed('x')"),
            format!("SET {name} = '{value}'; SELECT embed('x')"),
            format!("SET application_name = 'x', {name} = '{value}'"),
            format!("SELECT set_config('{name}', '{value}', false)"),
            format!("EXPLAIN ANALYZE SET {name} = '{value}'"),
            format!("PREPARE p AS SET {name} = '{value}'; EXECUTE p"),
        ] {
            canary.harmless(&statement);
        }
        verify_unchanged(&canary, name, value);
    }
}

/// Verifies that options of the start-up message do not change a setting.
fn verify_unchanged(canary: &Canary, name: &str, value: &str) {
    let before = shown(&mut canary.connect(), name);
    let options = [
        format!("-c {name}={value}"),
        format!("-c{name}={value}"),
        format!("--{name}={value}"),
        format!("-c application_name=x -c {name}={value}"),
    ];
    let with_options = options.iter().map(|options| ("options", options.as_str()));
    for parameter in with_options.chain([(name, value)]) {
        let parameters = [USER_ADA.as_slice(), &[parameter]].concat();
        // The server may also refuse the connection.
        if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
            assert_eq!(shown(&mut client, name), before, "{parameter:?}");
        }
        canary.verify(&format!("{parameter:?}"));
    }
}

/// Value of a setting, or the error that hides it.
fn shown(client: &mut WireClient, name: &str) -> String {
    client.simple(&format!("SHOW {name}")).unwrap().text()
}

#[test]
fn extreme_settings_are_refused() {
    let canary = Canary::start(&[]);
    for (name, value) in EXTREME_SETTINGS {
        canary.refused(&format!("SET {name} = {value}"), OUT_OF_BOUNDS);
        canary.refused(&format!("SET {name} = '{value}'"), OUT_OF_BOUNDS);
        canary.harmless(&format!("SET {name} = {value}; SELECT sum(id) FROM shop"));
        let options = format!("-c {name}={value}");
        let parameters = [USER_ADA.as_slice(), &[("options", options.as_str())]].concat();
        if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
            client.simple("SELECT sum(id) FROM shop").unwrap();
        }
        canary.verify(&options);
    }
    // A large batch within the bounds works, and a query setting can be changed.
    let response =
        canary.simple("SET datafusion.execution.batch_size = 4096; SET ai.seed = 7; SHOW ai.seed");
    assert!(response.errors.is_empty(), "{}", response.text());
    assert!(response.table().contains('7'), "{}", response.table());
}

/// A library that creates the file `loaded` beside it when it is loaded.
fn marking_library(folder: &Path) -> Option<(String, std::path::PathBuf)> {
    if !there_is("cc") {
        return None;
    }
    let loaded = folder.join("loaded");
    let source = folder.join("mark.c");
    let library = folder.join("library.so");
    let program = format!(
        "#include <stdio.h>\n\
         __attribute__((constructor)) static void mark(void) {{\n\
         FILE *file = fopen(\"{}\", \"w\");\n\
         if (file) fclose(file);\n}}\n",
        loaded.display()
    );
    std::fs::write(&source, program).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]);
    compiler.args([&library, &source]);
    assert!(process::output(&mut compiler).status.success());
    // The library creates the file.
    let mut control = Command::new("true");
    control.env("LD_PRELOAD", &library);
    assert!(process::output(&mut control).status.success());
    std::fs::remove_file(&loaded).unwrap();
    Some((library.to_str().unwrap().to_string(), loaded))
}

#[test]
fn no_library_of_a_client_is_loaded() {
    let canary = Canary::start(&["--set", "ai.precision=fp32"]);
    let Some((library, loaded)) = marking_library(&canary.served()) else {
        return;
    };
    let load = "SELECT embed('x', 'all-minilm-l6-v2') IS NULL";
    for path in [library.as_str(), "library.so", "./library.so"] {
        for statement in [
            format!("SET ai.onnxruntime = '{path}'"),
            format!("SET ai . onnxruntime = '{path}'"),
            format!("/*! SET ai.onnxruntime = '{path}'; */ SELECT 1"),
            format!("SET ai.model_dir = '{path}'"),
            format!("SET ai.model = '{path}'"),
        ] {
            let mut client = canary.connect();
            client.simple(&statement).unwrap();
            client.simple(load).unwrap();
            client.simple("SELECT embed('x') IS NULL").unwrap();
            assert!(!loaded.exists(), "{statement}");
        }
        for options in [
            format!("-c ai.onnxruntime={path}"),
            format!("--ai.onnxruntime={path}"),
        ] {
            let parameters = [USER_ADA.as_slice(), &[("options", options.as_str())]].concat();
            if let Ok(mut client) = WireClient::connect_with(canary.server.port, &parameters) {
                client.simple(load).unwrap();
            }
            assert!(!loaded.exists(), "{options}");
        }
    }
    assert_eq!(
        canary.connect().simple("SELECT 'on'").unwrap().table(),
        "on"
    );
}
