//! The doctor's route: for the operator alone, one run at a time, and no way to point it elsewhere.

use std::pin::Pin;
use std::sync::Arc;

use charla_server::doctor::{Doctor, Question};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::{Asker, assert_problem, good};
use crate::serving::{Serving, tenant_id};

const PATH: &str = "/api/v1/doctor";

/// Says what it was asked once it may.
struct Parrot {
    asked: Arc<Notify>,
    may_answer: Arc<Semaphore>,
}

impl Doctor for Parrot {
    fn look(&self, asked: Question) -> Pin<Box<dyn Future<Output = Value> + Send>> {
        let may_answer = Arc::clone(&self.may_answer);
        self.asked.notify_one();
        Box::pin(async move {
            may_answer.acquire().await.unwrap().forget();
            assert_ne!(
                asked.chat.as_ref().map(charla_wire::ChatId::as_str),
                Some("crash")
            );
            json!({
                "schema": 1,
                "chat": asked.chat.map(|chat| chat.to_string()),
                "tenant": asked.tenant.map(|tenant| tenant.to_string()),
                "token": asked.token.map(|token| token.expose_secret().to_owned()),
                "lang": asked.lang.tag(),
                "verbose": asked.verbose,
            })
        })
    }
}

/// A server with a doctor that answers so many questions.
async fn consulting(answers: usize) -> (Serving, Arc<Notify>, Arc<Semaphore>) {
    let serving = Serving::start_with(|settings| {
        settings.server.default_tenant = Some(tenant_id("demo"));
    })
    .await;
    let asked = Arc::new(Notify::new());
    let may_answer = Arc::new(Semaphore::new(answers));
    serving.node().call_in(Arc::new(Parrot {
        asked: Arc::clone(&asked),
        may_answer: Arc::clone(&may_answer),
    }));
    (serving, asked, may_answer)
}

#[tokio::test]
async fn only_the_operator_asks() {
    let (serving, _, _) = consulting(0).await;
    let nobody = Asker::nobody(&serving);
    assert_problem(&nobody.send("POST", PATH).await, 401, "unauthorized_key");
    let stranger = Asker::bearer(&serving, "charla_wrong");
    assert_problem(&stranger.send("POST", PATH).await, 401, "unauthorized_key");
    let ana = Asker::person(&serving, "ana").await;
    assert_problem(&ana.send("POST", PATH).await, 401, "unauthorized_key");
    let shop = Asker::back_end(&serving, Some("demo")).await;
    assert_problem(&shop.send("POST", PATH).await, 403, "forbidden");
}

#[tokio::test]
async fn the_question_reaches_the_doctor_and_its_report_comes_back() {
    let (serving, _, _) = consulting(4).await;
    let operator = Asker::back_end(&serving, None).await;
    let plain = operator.send("POST", PATH).await;
    assert_eq!(plain.header("cache-control"), Some("no-store"));
    let expected =
        json!({"schema": 1, "chat": null, "tenant": null, "token": null, "lang": "en", "verbose": false});
    assert_eq!(good(&plain, 200), expected);
    let asked = json!({"chat": "5", "tenant": "acme", "token": "a.b.c", "verbose": true});
    let lines = ["Content-Type: application/json", "Accept-Language: es"];
    let told = operator
        .ask("POST", PATH, &lines, asked.to_string().as_bytes())
        .await;
    let expected = json!({
        "schema": 1, "chat": "5", "tenant": "acme", "token": "a.b.c", "lang": "es", "verbose": true,
    });
    assert_eq!(good(&told, 200), expected);
    // In somebody's name, with a token that lets this somebody in.
    let as_ana = good(
        &operator.send_json("POST", PATH, &json!({"user": "ana"})).await,
        200,
    );
    let token = as_ana["token"].as_str().unwrap();
    let me = good(&Asker::bearer(&serving, token).get("/api/v1/me").await, 200);
    assert_eq!(me["user"]["id"], "ana", "{me}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let (serving, _, _) = consulting(0).await;
    let operator = Asker::back_end(&serving, None).await;
    for (asked, status, cause) in [
        (json!({"url": "ws://192.0.2.1/"}), 400, "bad_request"),
        (json!({"chat": "../../../etc"}), 400, "bad_request"),
        (json!({"chat": "5?token=x"}), 400, "bad_request"),
        (json!({"tenant": "a&b"}), 400, "bad_request"),
        (json!({"token": "a.b.c", "user": "ana"}), 400, "bad_request"),
        (json!({"user": "nobody"}), 404, "not_found"),
    ] {
        let reply = operator.send_json("POST", PATH, &asked).await;
        assert_problem(&reply, status, cause);
    }
}

#[tokio::test]
async fn one_run_at_a_time() {
    let (serving, asked, may_answer) = consulting(0).await;
    let operator = Asker::back_end(&serving, None).await;
    let second = async {
        asked.notified().await;
        let refused = operator.send("POST", PATH).await;
        may_answer.add_permits(1);
        refused
    };
    let (first, refused) = tokio::join!(operator.send("POST", PATH), second);
    good(&first, 200);
    let problem = assert_problem(&refused, 429, "rate_limited");
    assert!(
        problem["retry_in_ms"].as_u64().is_some_and(|wait| wait > 0),
        "{problem}"
    );
    may_answer.add_permits(1);
    good(&operator.send("POST", PATH).await, 200);
}

#[tokio::test]
async fn a_doctor_that_falls_over_takes_nobody_along() {
    let (serving, _, _) = consulting(2).await;
    let operator = Asker::back_end(&serving, None).await;
    let crashed = operator.send_json("POST", PATH, &json!({"chat": "crash"})).await;
    assert_problem(&crashed, 500, "internal_error");
    good(&operator.send("POST", PATH).await, 200);
}

#[tokio::test]
async fn a_server_without_a_doctor_says_so() {
    let serving = Serving::start().await;
    let operator = Asker::back_end(&serving, None).await;
    let problem = assert_problem(&operator.send("POST", PATH).await, 404, "not_found");
    assert!(
        problem["detail"].as_str().unwrap().contains("charla doctor"),
        "{problem}"
    );
}
