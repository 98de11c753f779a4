import sys
import zoneinfo
from datetime import UTC, datetime

import pandas as pd
import pytest

from evals_pipeline_tests.sandbox import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")

BEFORE = """
import zoneinfo
from datetime import UTC, datetime
import dateutil.tz
import pandas as pd
count = zones.preload_zones()
"""
BODY = """
times = pd.Series(pd.to_datetime(["2024-01-01T12:00Z", "2024-07-01T12:00Z"]))
noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
tell(
    count=count,
    known=len(zoneinfo.available_timezones()),
    zone=noon.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo")).isoformat(),
    uncached=str(zoneinfo.ZoneInfo.no_cache("Asia/Tokyo").utcoffset(noon)),
    unknown=attempt(lambda: zoneinfo.ZoneInfo("Mars/Olympus")),
    outside=attempt(lambda: zoneinfo.ZoneInfo("../../../etc/passwd")),
    pandas=times.dt.tz_convert("Europe/Berlin").astype(str).tolist(),
    localized=times.dt.tz_localize(None).dt.tz_localize("America/New_York").astype(str).tolist(),
    dateutil=noon.astimezone(dateutil.tz.gettz("Europe/Rome")).isoformat(),
    arrow=times.dt.tz_convert("Asia/Seoul").astype("timestamp[us, tz=Asia/Seoul][pyarrow]").dt.hour.tolist(),
    local=datetime.now().astimezone().utcoffset().total_seconds(),
)
"""


def test_named_time_zones_work_where_no_file_can_be_opened() -> None:
    times = pd.Series(pd.to_datetime(["2024-01-01T12:00Z", "2024-07-01T12:00Z"]))
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)

    facts = children.in_a_worker(BODY, before=BEFORE, tier=3)

    assert facts["count"] == facts["known"] > 400
    assert facts["zone"] == noon.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo")).isoformat()
    assert facts["uncached"] == "9:00:00"
    assert facts["unknown"] == "ZoneInfoNotFoundError"
    assert facts["outside"] == "ValueError"
    assert facts["pandas"] == times.dt.tz_convert("Europe/Berlin").astype(str).tolist()
    assert facts["localized"] == times.dt.tz_localize(None).dt.tz_localize("America/New_York").astype(str).tolist()
    assert facts["dateutil"] == "2024-07-01T14:00:00+02:00"
    assert facts["arrow"] == [21, 21]
    assert facts["local"] == 0
