//! A real browser: Chromium without a window, controlled over WebDriver.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::tool;
use crate::support::http;
use crate::support::skip::skip;

/// Longest wait for a state of the page or the start of the driver.
const STATE_TIMEOUT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; skips the test on a machine without Chromium.
    pub fn start() -> Option<Self> {
        for program in ["chromium", "chromedriver"] {
            let version = tool(Command::new(program).arg("--version"))?;
            if version.code != Some(0) {
                skip(program);
                return None;
            }
        }
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(driver.stdout.take().unwrap());
        let (sender, receiver) = channel();
        // Reads to the end: a driver that cannot write exits.
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    let _ = sender.send(port.trim_end_matches('.').parse::<u16>());
                }
            }
        });
        let port = receiver.recv_timeout(STATE_TIMEOUT);
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            port: port.expect("chromedriver prints its port").unwrap(),
            session: String::new(),
            _profile: profile,
        };
        let user_data = format!("--user-data-dir={}", browser._profile.path().display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1500,1200",
            &user_data,
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = browser.command("POST", "/session", &capabilities);
        browser.session = session["sessionId"].as_str().unwrap().to_string();
        Some(browser)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let headers = [("Content-Type", "application/json; charset=utf-8")];
        let answer = http::request(self.port, method, path, &headers, &body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()["value"].take()
    }

    fn ask(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("/session/{}/{path}", self.session), body)
    }

    pub fn go(&self, url: &str) {
        self.ask("url", &json!({"url": url}));
    }

    pub fn reload(&self) {
        self.ask("refresh", &json!({}));
    }

    /// Opens an address and waits for the page to be ready.
    pub fn open(&self, url: &str) {
        self.go(url);
        self.until("document.documentElement.dataset.ready === 'true'");
    }

    /// The value of a JavaScript expression.
    pub fn value(&self, expression: &str) -> Value {
        self.ask(
            "execute/sync",
            &json!({"script": format!("return {expression};"), "args": []}),
        )
    }

    /// Waits until a JavaScript expression is true.
    pub fn until(&self, expression: &str) {
        let deadline = Instant::now() + STATE_TIMEOUT;
        while self.value(expression) != json!(true) {
            assert!(
                Instant::now() < deadline,
                "not true within {STATE_TIMEOUT:?}: {expression}\n{:?}",
                self.console_messages()
            );
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// The visible text of the first element of a selector.
    pub fn text(&self, selector: &str) -> String {
        let found = self.value(&format!(
            "document.querySelector({}).innerText",
            json!(selector)
        ));
        found.as_str().unwrap().to_string()
    }

    fn element(&self, selector: &str) -> String {
        let found = self.ask(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found.as_object().unwrap().values().next().unwrap();
        id.as_str().unwrap().to_string()
    }

    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.ask(&format!("element/{element}/click"), &json!({}));
    }

    pub fn focus(&self, selector: &str) {
        self.value(&format!(
            "document.querySelector({}).focus()",
            json!(selector)
        ));
    }

    /// Types keys into the focused element. WebDriver has private characters for
    /// Enter, arrows and so on.
    pub fn keys(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        self.ask(
            "actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
    }

    /// Empties a field and types into it.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.ask(&format!("element/{element}/clear"), &json!({}));
        self.ask(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Moves the pointer to a position of the window, and clicks there if `press`.
    pub fn point(&self, x: f64, y: f64, press: bool) {
        let mut actions =
            vec![json!({"type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round()})];
        if press {
            actions.push(json!({"type": "pointerDown", "button": 0}));
            actions.push(json!({"type": "pointerUp", "button": 0}));
        }
        self.ask(
            "actions",
            &json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]}),
        );
    }

    /// The messages of the page on its console.
    pub fn console_messages(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        entries
            .map(|entry| format!("{} {}", entry["level"], entry["message"]))
            .collect()
    }

    /// The URLs that the page requested since the last call.
    pub fn requests(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({"type": "performance"}));
        let messages = log.as_array().unwrap().iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let request = &message["params"];
            // Chromium first opens a page itself.
            let internal = request["documentURL"].as_str()?.starts_with("chrome");
            (message["method"] == "Network.requestWillBeSent" && !internal).then(|| {
                request["request"]["url"]
                    .as_str()
                    .unwrap_or_default()
                    .to_string()
            })
        });
        messages.collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser, unless the driver has already exited.
        if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            let path = format!("/session/{}", self.session);
            http::request(self.port, "DELETE", &path, &[], "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
