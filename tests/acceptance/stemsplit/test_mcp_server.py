"""npm ``stemsplit-mcp`` 0.2.0, as it is: tools for a language model, over stdio."""

import json
import subprocess
from pathlib import Path

import pytest
import soundfile

from support.stemsplit_clients import GRANT_S, NODE, SONG_S, VIDEO, Node, new_account

pytestmark = [pytest.mark.model, pytest.mark.slow]


class Mcp:
    """A client of the protocol: lines of JSON-RPC."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["node", NODE / "node_modules" / "stemsplit-mcp" / "dist" / "index.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**node.environment(), "STEMSPLIT_DEFAULT_OUTPUT_DIR": str(folder)},
        )
        self._number = 0
        client = {"name": "test", "version": "1"}
        self.request("initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo=client)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def request(self, method: str, **params: object) -> dict:
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self._number:
                return answer["result"]
        raise AssertionError("the MCP server ended")

    def call(self, tool: str, **arguments: object) -> dict:
        answer = self.request("tools/call", name=tool, arguments=arguments)
        assert not answer.get("isError"), answer
        return answer["structuredContent"]

    def _send(self, message: dict) -> None:
        self._process.stdin.write(f"{json.dumps(message)}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module")
def mcp(service, base_url, tmp_path_factory):
    if not (NODE / "node_modules").is_dir():
        pytest.skip("the Node clients are not installed; make test does it where npm is")
    key = new_account(service, "mcp@example.com")
    mcp = Mcp(Node(base_url, key), tmp_path_factory.mktemp("mcp"))
    yield mcp
    mcp.close()


def test_balance_is_told_by_tool_and_resource(mcp):
    (resource,) = mcp.request("resources/read", uri="stemsplit://balance")["contents"]

    assert mcp.call("get_balance")["balanceSeconds"] <= GRANT_S
    assert json.loads(resource["text"])["balanceFormatted"].endswith("minutes")


def test_song_is_separated_listed_and_downloaded_again(mcp, song, tmp_path):
    options = {"quality": "FAST", "outputFormat": "WAV", "pollIntervalSeconds": 1}
    done = mcp.call("separate_stems", source=str(song), **options)
    listed = mcp.call("list_jobs", limit=1)
    again = mcp.call("download_stems", jobId=done["jobId"], outputDir=str(tmp_path))
    (resource,) = mcp.request("resources/read", uri="stemsplit://jobs/recent")["contents"]

    assert (done["status"], done["creditsCharged"]) == ("COMPLETED", SONG_S)
    assert {Path(path).name for path in done["stems"].values()} == {
        "vocals.wav",
        "instrumental.wav",
    }
    for path in (*done["stems"].values(), *again["files"].values()):
        assert soundfile.info(path).duration == pytest.approx(SONG_S, abs=0.01)
    assert mcp.call("get_job", jobId=done["jobId"])["id"] == listed["jobs"][0]["id"]
    assert json.loads(resource["text"])["jobs"][0]["id"] == done["jobId"]


def test_video_is_separated(mcp):
    done = mcp.call("separate_youtube", youtubeUrl=VIDEO, pollIntervalSeconds=1)

    assert set(done["stems"]) == {"vocals", "instrumental", "fullAudio"}
    assert {Path(path).suffix for path in done["stems"].values()} == {".mp3"}
    assert mcp.call("list_youtube_jobs")["jobs"][0]["id"] == done["jobId"]
    assert mcp.call("get_youtube_job", jobId=done["jobId"])["videoTitle"] == "A video"


def test_error_is_told_with_its_code(mcp):
    answer = mcp.request("tools/call", name="get_job", arguments={"jobId": "job_none"})

    assert answer["isError"]
    assert answer["structuredContent"]["code"] == "JOB_NOT_FOUND"
