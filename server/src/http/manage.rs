//! What people and programs ask: the fleet, places, commands, publishing, accounts.

// The macro that describes a route's query writes the whole name of what it is given.
#![allow(unused_qualifications)]

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{Asked, Named, Told, Who, body};
use crate::accounts::{self, Account, Role};
use crate::error::Problem;
use crate::fleet::commands::{self, Given, Stands, Wanted};
use crate::fleet::enrol::{self, Applicant};
use crate::fleet::places::{self, PlaceText, ShownPlace};
use crate::fleet::roster::Shown;
use crate::fleet::{To, name_of};
use crate::programs::publish::{self, PROGRAM_LEN_MAX, Published};
use crate::programs::readiness::{Readiness, readiness};
use crate::server::App;
use crate::{Error, Result};

/// How long somebody who asks a device waits for its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Devices in one list.
const LIST_MAX: usize = 1000;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(devices))
        .routes(routes!(device, remove_device))
        .routes(routes!(bind))
        .routes(routes!(replace))
        .routes(routes!(join, leave))
        .routes(routes!(list_places))
        .routes(routes!(get_place, put_place))
        .routes(routes!(applicants))
        .routes(routes!(accept))
        .routes(routes!(refuse))
        .routes(routes!(enrolment_token))
        .routes(routes!(give, list_commands))
        .routes(routes!(ask))
        .routes(routes!(preview))
        .routes(routes!(publish_program))
        .routes(routes!(roll_back))
        .routes(routes!(ready))
        .routes(routes!(list_accounts))
        .routes(routes!(put_account, remove_account))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Those after this id.
    #[serde(default)]
    after: String,
    /// So many, 1 to 1000.
    limit: Option<u32>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.map_or(100, |limit| limit as usize).clamp(1, LIST_MAX)
    }
}

/// Devices in the order of their ids
#[utoipa::path(get, path = "/api/v1/devices", tag = "fleet", security(("account" = [])), params(Page), responses(
    (status = 200, description = "Some of them", body = Vec<Shown>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn devices(State(app): State<App>, who: Who, Asked(page): Asked<Page>) -> Result<Json<Vec<Shown>>> {
    who.must_be(Role::Viewer)?;
    let mut members = app.fleet.roster.lock();
    let mut ids: Vec<String> =
        members.devices().filter(|member| member.id > page.after).map(|member| member.id.clone()).collect();
    ids.sort_unstable();
    ids.truncate(page.limit());
    let shown = ids.iter().filter_map(|id| members.device(id).ok().map(|member| member.shown()));
    Ok(Json(shown.collect()))
}

/// A device, and how it stands
#[utoipa::path(get, path = "/api/v1/devices/{device}", tag = "fleet", security(("account" = [])),
    params(("device" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It", body = Shown),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn device(State(app): State<App>, who: Who, Named(id): Named<String>) -> Result<Json<Shown>> {
    who.must_be(Role::Viewer)?;
    Ok(Json(app.fleet.roster.lock().device(&id)?.shown()))
}

/// Take a device out of the fleet
#[utoipa::path(delete, path = "/api/v1/devices/{device}", tag = "fleet", security(("account" = [])),
    params(("device" = String, Path, description = "Its id")), responses(
    (status = 204, description = "It is out; what it played stays told"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn remove_device(State(app): State<App>, who: Who, Named(id): Named<String>) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    places::remove(&app, &id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a device is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// The place; null: none.
    place: Option<String>,
}

/// Bind a device to a place
#[utoipa::path(put, path = "/api/v1/devices/{device}/place", tag = "fleet", security(("account" = [])),
    params(("device" = String, Path, description = "Its id")), request_body = Where, responses(
    (status = 204, description = "It is there"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn bind(
    State(app): State<App>,
    who: Who,
    Named(id): Named<String>,
    Told(told): Told<Where>,
) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    places::bind(&app, &id, told.place.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which device takes the place of another.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Successor {
    /// The new device's id.
    by: String,
}

/// Replace a dead device
///
/// The new one takes its place and its groups, and by commands what people have set there and the last songs that were played;
/// the dead one leaves the fleet.
#[utoipa::path(post, path = "/api/v1/devices/{device}/replace", tag = "fleet", security(("account" = [])),
    params(("device" = String, Path, description = "The id of the dead one")), request_body = Successor, responses(
    (status = 204, description = "It is replaced"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn replace(
    State(app): State<App>,
    who: Who,
    Named(id): Named<String>,
    Told(told): Told<Successor>,
) -> Result<StatusCode> {
    let by = who.must_be(Role::Operator)?;
    places::replace(&app, (&id, &told.by), by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put a device into a group
#[utoipa::path(put, path = "/api/v1/groups/{group}/devices/{device}", tag = "fleet", security(("account" = [])),
    params(("group" = String, Path, description = "The group"), ("device" = String, Path, description = "The device")), responses(
    (status = 204, description = "It is in"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn join(
    State(app): State<App>,
    who: Who,
    Named((group, id)): Named<(String, String)>,
) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    places::join(&app, &id, &group, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a device out of a group
#[utoipa::path(delete, path = "/api/v1/groups/{group}/devices/{device}", tag = "fleet", security(("account" = [])),
    params(("group" = String, Path, description = "The group"), ("device" = String, Path, description = "The device")), responses(
    (status = 204, description = "It is out"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn leave(
    State(app): State<App>,
    who: Who,
    Named((group, id)): Named<(String, String)>,
) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    places::join(&app, &id, &group, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Places in the order of their ids
#[utoipa::path(get, path = "/api/v1/places", tag = "places", security(("account" = [])), params(Page), responses(
    (status = 200, description = "Some of them", body = Vec<ShownPlace>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_places(
    State(app): State<App>,
    who: Who,
    Asked(page): Asked<Page>,
) -> Result<Json<Vec<ShownPlace>>> {
    who.must_be(Role::Viewer)?;
    Ok(Json(places::list(&app, &page.after, u32::try_from(page.limit()).unwrap_or(1000)).await?))
}

/// A place
#[utoipa::path(get, path = "/api/v1/places/{place}", tag = "places", security(("account" = [])),
    params(("place" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It", body = ShownPlace),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn get_place(State(app): State<App>, who: Who, Named(id): Named<String>) -> Result<Json<ShownPlace>> {
    who.must_be(Role::Viewer)?;
    Ok(Json(places::get(&app, &id).await?))
}

/// Make a place, or change it
#[utoipa::path(put, path = "/api/v1/places/{place}", tag = "places", security(("account" = [])),
    params(("place" = String, Path, description = "Its id: 1 to 64 of a-z, 0-9, -, _ and .")), request_body = PlaceText, responses(
    (status = 204, description = "It is so; devices hear of it with the next release"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn put_place(
    State(app): State<App>,
    who: Who,
    Named(id): Named<String>,
    Told(text): Told<PlaceText>,
) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    places::put(&app, &id, &text).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Devices that wait to be accepted
#[utoipa::path(get, path = "/api/v1/enrolments", tag = "enrolment", security(("account" = [])), responses(
    (status = 200, description = "They", body = Vec<Applicant>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn applicants(State(app): State<App>, who: Who) -> Result<Json<Vec<Applicant>>> {
    who.must_be(Role::Viewer)?;
    Ok(Json(app.fleet.enrolments.waiting(app.clock.mono_ms())))
}

/// A code that a device shows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shows {
    /// As it stands there; small letters and hyphens do not matter.
    #[schema(example = "BCDF-GHJK")]
    code: String,
    /// The place that the device is bound to.
    #[serde(default)]
    place: Option<String>,
}

/// A device that is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted {
    /// Its id.
    device: String,
}

/// Accept the device that shows a code
#[utoipa::path(post, path = "/api/v1/enrolments/accept", tag = "enrolment", security(("account" = [])), request_body = Shows, responses(
    (status = 200, description = "It is in", body = Accepted),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn accept(State(app): State<App>, who: Who, Told(shows): Told<Shows>) -> Result<Json<Accepted>> {
    let by = who.must_be(Role::Operator)?;
    let device = enrol::accept(&app, &shows.code, shows.place.as_deref()).await?;
    log::info!("device {device} was accepted by {by}");
    Ok(Json(Accepted { device }))
}

/// Refuse the device that shows a code
#[utoipa::path(post, path = "/api/v1/enrolments/refuse", tag = "enrolment", security(("account" = [])), request_body = Shows, responses(
    (status = 204, description = "It is told so"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn refuse(State(app): State<App>, who: Who, Told(shows): Told<Shows>) -> Result<StatusCode> {
    who.must_be(Role::Operator)?;
    enrol::refuse(&app, &shows.code)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token for configurations.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedToken {
    /// For people.
    name: String,
    /// The place that devices are bound to.
    #[serde(default)]
    place: Option<String>,
    /// How many devices it lets in.
    #[schema(minimum = 1, maximum = 100000)]
    uses: u32,
    /// For how long, in s.
    #[schema(minimum = 1, maximum = 31536000)]
    ends_in_s: u32,
}

/// A token, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// It.
    token: String,
}

/// Make a token that lets new devices in
#[utoipa::path(post, path = "/api/v1/enrolment-tokens", tag = "enrolment", security(("account" = [])), request_body = WantedToken, responses(
    (status = 200, description = "It, this once", body = Token),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn enrolment_token(
    State(app): State<App>,
    who: Who,
    Told(wanted): Told<WantedToken>,
) -> Result<Json<Token>> {
    who.must_be(Role::Operator)?;
    name_of("a token", &wanted.name)?;
    if wanted.uses == 0 || wanted.uses > 100_000 || wanted.ends_in_s == 0 || wanted.ends_in_s > 31_536_000 {
        return Err(Error::Wrong("uses goes from 1 to 100000, ends_in_s from 1 to 31536000".into()));
    }
    let limits = (wanted.uses, wanted.ends_in_s);
    let token = enrol::make_enrolment_token(&app, &wanted.name, wanted.place.as_deref(), limits).await?;
    Ok(Json(Token { token }))
}

/// Give a command
///
/// To a device, a place, a group or all. It is kept before this is answered.
#[utoipa::path(post, path = "/api/v1/commands", tag = "commands", security(("account" = [])), request_body = Wanted, responses(
    (status = 200, description = "It is on its way", body = Given),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn give(State(app): State<App>, who: Who, Told(wanted): Told<Wanted>) -> Result<Json<Given>> {
    let by = who.must_be(Role::Operator)?;
    Ok(Json(commands::give(&app, &wanted, by).await?))
}

/// Which commands.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Of this device.
    device: Option<String>,
    /// That were given at once.
    batch: Option<String>,
    /// So many, 1 to 1000.
    limit: Option<u32>,
}

/// Commands and what became of them, the newest first
#[utoipa::path(get, path = "/api/v1/commands", tag = "commands", security(("account" = [])), params(Which), responses(
    (status = 200, description = "Some of them", body = Vec<Stands>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_commands(
    State(app): State<App>,
    who: Who,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<Stands>>> {
    who.must_be(Role::Viewer)?;
    let (device, batch) = (which.device.as_deref(), which.batch.as_deref());
    Ok(Json(commands::list(&app, device, batch, which.limit.unwrap_or(100)).await?))
}

/// Ask a device, and wait for its answer
///
/// status, why, program, logs.send, snapshot. It waits ten seconds.
#[utoipa::path(post, path = "/api/v1/devices/{device}/ask", tag = "commands", security(("account" = [])),
    params(("device" = String, Path, description = "Its id")), request_body = orchestrion_protocol::fleet::OrderText, responses(
    (status = 200, description = "Its answer", body = Stands),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn ask(
    State(app): State<App>,
    who: Who,
    Named(id): Named<String>,
    Told(order): Told<orchestrion_protocol::fleet::OrderText>,
) -> Result<Json<Stands>> {
    let by = who.must_be(Role::Operator)?;
    let meaning = order.read().map_err(|error| Error::Wrong(error.to_string()))?;
    if !meaning.is_question() {
        return Err(Error::Wrong(format!("\"{}\" is no question; give it as a command", order.method)));
    }
    let ends_in_s = Some(u32::try_from(ANSWER_WAIT.as_secs()).unwrap_or(10));
    let wanted = Wanted {
        to: To::Device(id.clone()),
        method: order.method.to_string(),
        params: order.params.clone(),
        ends_in_s,
    };
    let until = Instant::now() + ANSWER_WAIT;
    let given = commands::give(&app, &wanted, by).await?;
    loop {
        let rings = app.answered.notified();
        tokio::pin!(rings);
        rings.as_mut().enable();
        if let Some(ended) = commands::ended(&app, &given.batch).await? {
            let first = ended.into_iter().next();
            return first.map(Json).ok_or_else(|| Error::Internal("a question without a row".into()));
        }
        if timeout_at(until, rings).await.is_err() || app.is_stopping() {
            return Err(Error::Unavailable(format!(
                "{id} has not answered within {} s",
                ANSWER_WAIT.as_secs()
            )));
        }
    }
}

/// What a program would come to at a place.
#[derive(Debug, Serialize, ToSchema)]
pub struct Previewed {
    /// The document that a release would carry.
    #[schema(value_type = Object)]
    resolved: orchestrion_program::Resolved,
    /// What is odd, and is no error.
    warnings: Vec<String>,
}

/// Check a program for a place, without publishing it
#[utoipa::path(post, path = "/api/v1/places/{place}/check", tag = "programs", security(("account" = [])),
    params(("place" = String, Path, description = "The place")), request_body(content = Object, description = "A program"), responses(
    (status = 200, description = "What it comes to", body = Previewed),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn preview(
    State(app): State<App>,
    who: Who,
    Named(place): Named<String>,
    content: Body,
) -> Result<Json<Previewed>> {
    who.must_be(Role::Viewer)?;
    let text = body("program", content, PROGRAM_LEN_MAX).await?;
    let (resolved, warnings) = publish::resolve(&app, &place, &text).await?;
    Ok(Json(Previewed { resolved, warnings }))
}

/// Publish a program for a place
///
/// Its recordings name files of the library by their SHA-256.
#[utoipa::path(post, path = "/api/v1/places/{place}/publish", tag = "programs", security(("account" = [])),
    params(("place" = String, Path, description = "The place")), request_body(content = Object, description = "A program"), responses(
    (status = 200, description = "The release", body = Published),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn publish_program(
    State(app): State<App>,
    who: Who,
    Named(place): Named<String>,
    content: Body,
) -> Result<Json<Published>> {
    let by = who.must_be(Role::Operator)?;
    let text = body("program", content, PROGRAM_LEN_MAX).await?;
    Ok(Json(publish::publish(&app, &place, &text, by).await?))
}

/// Which release.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Back {
    /// Its number.
    number: u64,
}

/// Publish an old release's content anew
#[utoipa::path(post, path = "/api/v1/places/{place}/roll-back", tag = "programs", security(("account" = [])),
    params(("place" = String, Path, description = "The place")), request_body = Back, responses(
    (status = 200, description = "The release, with a new number", body = Published),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn roll_back(
    State(app): State<App>,
    who: Who,
    Named(place): Named<String>,
    Told(to): Told<Back>,
) -> Result<Json<Published>> {
    let by = who.must_be(Role::Operator)?;
    Ok(Json(publish::roll_back(&app, &place, to.number, by).await?))
}

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Whom {
    /// Of this place.
    place: Option<String>,
    /// Of this group.
    group: Option<String>,
}

/// How far devices are with what was published
#[utoipa::path(get, path = "/api/v1/readiness", tag = "programs", security(("account" = [])), params(Whom), responses(
    (status = 200, description = "In percent", body = Readiness),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(app): State<App>, who: Who, Asked(whom): Asked<Whom>) -> Result<Json<Readiness>> {
    who.must_be(Role::Viewer)?;
    let to = match (whom.place, whom.group) {
        (Some(place), None) => To::Place(place),
        (None, Some(group)) => To::Group(group),
        (None, None) => To::All(true),
        (Some(_), Some(_)) => return Err(Error::Wrong("ask for a place or a group, not both".into())),
    };
    Ok(Json(readiness(&app, &to)))
}

/// Accounts
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", security(("account" = [])), responses(
    (status = 200, description = "They", body = Vec<Account>),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn list_accounts(State(app): State<App>, who: Who) -> Result<Json<Vec<Account>>> {
    who.must_be(Role::Admin)?;
    Ok(Json(app.accounts.list()))
}

/// What an account may do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct May {
    /// viewer, operator, admin.
    role: Role,
}

/// Make an account, or give it another role and token
#[utoipa::path(put, path = "/api/v1/accounts/{account}", tag = "accounts", security(("account" = [])),
    params(("account" = String, Path, description = "Its name")), request_body = May, responses(
    (status = 200, description = "Its token, this once", body = Token),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn put_account(
    State(app): State<App>,
    who: Who,
    Named(name): Named<String>,
    Told(may): Told<May>,
) -> Result<Json<Token>> {
    who.must_be(Role::Admin)?;
    Ok(Json(Token { token: accounts::make(&app, &name, may.role).await? }))
}

/// Take an account away
#[utoipa::path(delete, path = "/api/v1/accounts/{account}", tag = "accounts", security(("account" = [])),
    params(("account" = String, Path, description = "Its name")), responses(
    (status = 204, description = "It is gone"),
    (status = "4XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
    (status = "5XX", description = "A problem", body = Problem, content_type = "application/problem+json"),
))]
async fn remove_account(State(app): State<App>, who: Who, Named(name): Named<String>) -> Result<StatusCode> {
    who.must_be(Role::Admin)?;
    accounts::remove(&app, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
