//! A board that speaks the protocol and nothing more.

use orchestrion_protocol::fleet::{
    Admission, CommandRef, EnrolAnswer, EnrolRequest, EnrolText, FLEET_VERSION, Heartbeat, HeartbeatAnswer,
    Line, Outcome, PlayBatch, PlayRecord, Report, Word, pack, written,
};
use orchestrion_protocol::release::SecretKey;
use serde_json::json;

use super::house::{Answer, House, agent, read};

pub struct Board {
    pub key: SecretKey,
    pub admission: Option<Admission>,
    pub boot_id: String,
    pub run: u64,
    pub seq: u64,
    pub cursor: CommandRef,
    pub agent: ureq::Agent,
}

impl Board {
    pub fn new(n: u8) -> Self {
        let cursor = CommandRef::default();
        let key = SecretKey::from_chance(&[n; 32]);
        Self { key, admission: None, boot_id: format!("boot-{n}"), run: 1, seq: 0, cursor, agent: agent() }
    }

    /// One that is in, by a token.
    pub fn admitted(house: &House, n: u8, place: Option<&str>) -> Self {
        let wanted = json!({"name": "t", "place": place, "uses": 1, "ends_in_s": 60});
        let token =
            house.post("/api/v1/enrolment-tokens", &wanted).ok().json["token"].as_str().unwrap().to_owned();
        let mut board = Self::new(n);
        match board.enrol(house, Some(&token)) {
            EnrolAnswer::Accepted(admission) => board.admission = Some(admission),
            other => panic!("{other:?}"),
        }
        board
    }

    pub fn id(&self) -> &str {
        self.admission.as_ref().unwrap().device.as_str()
    }

    pub fn text(challenge: &str, token: Option<&str>) -> EnrolText {
        EnrolText {
            v: FLEET_VERSION,
            challenge: Word::cut(challenge),
            token: token.map(Line::cut),
            name: Line::cut("front"),
            board: Line::cut("a board"),
            version: Word::cut("0.1.0"),
        }
    }

    /// Both steps of an enrolment: the challenge, and what follows.
    pub fn enrol(&self, house: &House, token: Option<&str>) -> EnrolAnswer {
        let first = self.ask(house, &EnrolRequest::new(&Self::text("", token), &self.key)).ok();
        let EnrolAnswer::Challenge { challenge, .. } = serde_json::from_value(first.json).unwrap() else {
            panic!("{}", first.text)
        };
        self.enrol_with(house, &challenge, token)
    }

    pub fn enrol_with(&self, house: &House, challenge: &str, token: Option<&str>) -> EnrolAnswer {
        let answer = self.ask(house, &EnrolRequest::new(&Self::text(challenge, token), &self.key)).ok();
        serde_json::from_value(answer.json).unwrap()
    }

    pub fn ask(&self, house: &House, request: &EnrolRequest) -> Answer {
        read(self.agent.post(house.url("/device/v1/enrol")).send(written(request)).unwrap())
    }

    pub fn message(&mut self, hold_s: u32, report: Report) -> Heartbeat {
        self.seq += 1;
        Heartbeat {
            v: FLEET_VERSION,
            device: self.admission.as_ref().unwrap().device.clone(),
            run: self.run,
            boot_id: Word::cut(&self.boot_id),
            seq: self.seq,
            connection: 1,
            hold_s,
            cursor: self.cursor,
            results: Vec::new(),
            keys_serial: 0,
            capabilities: vec![Word::cut("sound")],
            report,
        }
    }

    pub fn send(&self, house: &House, message: &Heartbeat) -> Answer {
        let token = &self.admission.as_ref().unwrap().token;
        let request = self
            .agent
            .post(house.url("/device/v1/heartbeat"))
            .header("authorization", format!("Bearer {token}"));
        read(request.send(written(message)).unwrap())
    }

    pub fn beat(&mut self, house: &House, hold_s: u32, report: Report) -> HeartbeatAnswer {
        let message = self.message(hold_s, report);
        serde_json::from_value(self.send(house, &message).ok().json).unwrap()
    }

    pub fn tell(&mut self, house: &House, results: Vec<Outcome>) -> HeartbeatAnswer {
        let message = Heartbeat { results, ..self.message(0, Report::default()) };
        serde_json::from_value(self.send(house, &message).ok().json).unwrap()
    }

    pub fn play(&self, house: &House, plays: Vec<PlayRecord>) -> Answer {
        let device = self.admission.as_ref().unwrap().device.clone();
        self.send_plays(house, &pack(&written(&PlayBatch { v: FLEET_VERSION, device, plays })))
    }

    pub fn send_plays(&self, house: &House, packed: &[u8]) -> Answer {
        let token = &self.admission.as_ref().unwrap().token;
        let request =
            self.agent.post(house.url("/device/v1/plays")).header("authorization", format!("Bearer {token}"));
        read(request.send(packed).unwrap())
    }
}
