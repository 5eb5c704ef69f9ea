//! The answers that every drawn one begins with: the documented samples, and what the simulator answers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kore_simulator::{App, Behaviour, Simulator, UnknownCampaign};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use voicecampaign_operator::kore::{CampaignService, ClientSettings, KoreClient, PageRequest};

use super::{ACCOUNT, CAMPAIGN, CLIENT_ID, SECRET, STREAM, key, target};
use crate::tree::Tree;

/// Everything to begin with.
pub async fn samples() -> Result<Vec<Tree>> {
    let mut samples = Vec::new();
    for folder in ["tests/samples", "tests/fuzz/corpus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let before = samples.len();
        let mut files: Vec<_> =
            std::fs::read_dir(&folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
        files.sort();
        for file in files {
            let name = file.display().to_string();
            match Tree::parse(&std::fs::read_to_string(&file)?)
                .with_context(|| format!("{name} is no JSON"))?
            {
                Tree::List(several) => samples.extend(several),
                one => samples.push(one),
            }
        }
        ensure!(samples.len() > before, "{} has no samples", folder.display());
    }
    let before = samples.len();
    for unknown in [UnknownCampaign::NotFound, UnknownCampaign::BadRequest, UnknownCampaign::Failure] {
        samples.extend(simulated(unknown).await?);
    }
    ensure!(samples.len() > before + 8, "the simulator has not answered");
    Ok(samples)
}

/// The simulator's answers to a GET, a listing, a DELETE, and all three again.
async fn simulated(unknown_campaign: UnknownCampaign) -> Result<Vec<Tree>> {
    let app = App { client_id: CLIENT_ID.to_owned(), client_secret: SECRET.to_owned() };
    let behaviour = Behaviour { unknown_campaign, ..Behaviour::default() };
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), vec![app], behaviour).await?;
    let campaign = kore_simulator::CampaignKey {
        account_id: ACCOUNT.to_owned(),
        stream_id: STREAM.to_owned(),
        campaign_id: CAMPAIGN.to_owned(),
    };
    simulator.seed(campaign, &json!({}));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = target(&format!("http://{}", listener.local_addr()?), Duration::from_secs(10));
    let client = KoreClient::new(&ClientSettings::default())?;
    let mut bodies = Vec::new();
    let first = PageRequest { page: 1, skip: 0, limit: 50 };
    for call in ["get", "list", "delete", "get", "list", "delete"] {
        let called = async {
            // Only what the simulator answers counts here.
            match call {
                "get" => drop(client.get(&target, &key()).await),
                "list" => drop(client.list(&target, STREAM, first).await),
                _ => drop(client.delete(&target, &key()).await),
            }
        };
        let (answer, ()) = tokio::join!(relay(&listener, simulator.address()), called);
        let answer = answer?;
        let (_, body) = answer.split_once("\r\n\r\n").context("the simulator's answer has a body")?;
        bodies.push(Tree::parse(body).context("the simulator answers in JSON")?);
    }
    Ok(bodies)
}

/// Passes one request on, and its answer back; the answer.
async fn relay(listener: &TcpListener, to: std::net::SocketAddr) -> Result<String> {
    let (mut client, _) = listener.accept().await?;
    let mut server = TcpStream::connect(to).await?;
    let mut request = vec![0; 16 * 1024];
    let mut length = client.read(&mut request).await?;
    // A request with a body may come in two pieces.
    if let Ok(more) =
        tokio::time::timeout(Duration::from_millis(20), client.read(&mut request[length..])).await
    {
        length += more?;
    }
    let head = String::from_utf8_lossy(&request[..length]).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    client.write_all(&answer).await?;
    client.shutdown().await?;
    Ok(String::from_utf8(answer)?)
}
