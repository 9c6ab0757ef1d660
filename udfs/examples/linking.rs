//! A program of its own that asks in SQL what its texts are about.
//!
//! `cargo run --release --example linking` needs nothing and answers at random,
//! though always the same. `... --example linking -- all-minilm-l6-v2` asks a
//! real model, which `semql setup` brings.

use std::error::Error;
use std::io::Write;

use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

const OFFERS: &str = "\
title,text
Stapler,for up to 25 sheets of paper
Gel pens,\"blue, pack of ten\"
Running shoes,\"light, for the road\"
Yoga mat,6 mm thick and does not slip
USB-C charger,\"65 W, for laptops and phones\"
Wireless mouse,with a silent wheel
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let model = std::env::args().nth(1);
    let model = model.as_deref().unwrap_or("deterministic");

    // The session is the program's, with whatever the program sets up in it.
    let config = SessionConfig::new().with_target_partitions(2);
    let ctx = SessionContext::new_with_config(config);
    semql_udfs::register_all(&ctx)?;
    ctx.sql(&format!("SET ai.model = '{}'", model.replace('\'', "''")))
        .await?;

    let mut file = tempfile::Builder::new().suffix(".csv").tempfile()?;
    file.write_all(OFFERS.as_bytes())?;
    let path = file.path().to_string_lossy().into_owned();
    ctx.register_csv("offers", &path, CsvReadOptions::new())
        .await?;

    // The call stands twice, and the model is asked once for each row.
    let query = "SELECT categorize(title, text) AS category, count(*) AS offers \
                 FROM offers GROUP BY categorize(title, text) ORDER BY 2 DESC, 1";
    let shown = async { ctx.sql(query).await?.show().await };
    match shown.await {
        // What the machine lacks is known before any row is read.
        Err(error) if semql_udfs::is_setup_error(&error) => {
            let ours = semql_udfs::find_error(&error).map(ToString::to_string);
            eprintln!("{}", ours.unwrap_or_default());
            std::process::exit(3);
        }
        other => other?,
    }
    if let Some(device) = semql_udfs::runtime(&ctx).device() {
        println!("The model ran on {device}.");
    }
    Ok(())
}
