//! A program that classifies its texts in SQL.
//!
//! `cargo run --release --example linking` needs no files: its model returns
//! deterministic but meaningless labels. `... --example linking -- all-minilm-l6-v2`
//! uses a real model, which `semql setup` installs.

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

    // The session is created and configured by the program.
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

    // The query has the call twice, and the model reads each row once.
    let query = "SELECT categorize(title, text) AS category, count(*) AS offers \
                 FROM offers GROUP BY categorize(title, text) ORDER BY 2 DESC, 1";
    let show = async { ctx.sql(query).await?.show().await };
    match show.await {
        // A missing model or library fails before any row is read.
        Err(error) if semql_udfs::is_setup_error(&error) => {
            let message = semql_udfs::find_error(&error).map(ToString::to_string);
            eprintln!("{}", message.unwrap_or_default());
            std::process::exit(3);
        }
        other => other?,
    }
    if let Some(device) = semql_udfs::runtime(&ctx).device() {
        println!("The model ran on {device}.");
    }
    Ok(())
}
