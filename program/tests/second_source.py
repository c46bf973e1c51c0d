#!/usr/bin/env python3
"""The second source: what programs mean by the clock, worked out by another method with Python's zoneinfo.

Every minute of UTC is asked what the wall shows; a local time is the first minute at which the wall shows it or more.
Nothing is taken from the crate but the meaning. Prints the cases with what is expected of them, which is kept in
second_source.json; tests/second_source.rs compares the crate with that file, and the file with this script.
"""
import json
import sys
from bisect import bisect_left
from datetime import date, datetime, timedelta, timezone
from itertools import accumulate
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def window(days, start, end):
    return {"days": days.split(), "from": start, "to": end}


def part(days, start, end, priority=0, first=None, last=None):
    return dict(window(days, start, end), priority=priority, first=first, last=last)


WEEK = " ".join(DAYS)
ODD_HOURS = [window(WEEK, "01:40", "02:10"), window(WEEK, "02:15", "02:45"), window(WEEK, "03:00", "04:30"),
             window("fri sat", "18:00", "03:00"), window("sun mon", "23:30", "00:30")]
ODD_PARTS = [part(WEEK, "00:00", "02:20"), part(WEEK, "02:20", "02:40"), part(WEEK, "02:40", "24:00"),
             part("sat", "22:00", "02:30", 5), part("sun", "02:30", "06:00", 5)]
ALWAYS = [window(WEEK, "00:00", "24:00")]


def cases():
    berlin = "Europe/Berlin"
    sat_sun = [part("sat", "22:00", "02:30"), part("sun", "02:30", "06:00")]
    yield dict(name="example 1", zone=berlin, hours=[window("sat", "22:00", "06:00"), window("sun", "02:15", "02:45")],
               dayparts=sat_sun, at=[["sun", "02:15"]], start="2027-03-27", days=3)
    yield dict(name="example 1, the empty window alone", zone=berlin, hours=[window("sun", "02:15", "02:45")],
               dayparts=[], start="2027-03-27", days=3)
    yield dict(name="example 2", zone=berlin, hours=[window("sat", "22:00", "06:00")], dayparts=sat_sun,
               at=[["sun", "02:15"]], start="2027-10-30", days=3)
    yield dict(name="example 3", zone="Australia/Lord_Howe", hours=[window("sun", "01:30", "02:00")], dayparts=[],
               at=[["sun", "01:45"]], start="2027-04-02", days=4)
    yield dict(name="example 4", zone=berlin, hours=[window("fri", "18:00", "03:00"), window("sat", "18:00", "03:00")],
               exceptions={"2026-12-26": []}, dayparts=[], start="2026-12-24", days=5)
    yield dict(name="example 5", zone=berlin, hours=[window("mon tue", "00:00", "24:00"), window("wed", "00:00", "01:00")],
               dayparts=[part(WEEK, "00:00", "24:00")], start="2027-01-11", days=4)
    yield dict(name="example 6", zone=berlin, hours=[window(WEEK, "08:00", "20:00")],
               exceptions={"2026-12-24": [["08:00", "14:00"]]}, dayparts=[], before_close=10, start="2026-12-23", days=3)
    changes = {
        "Europe/Berlin": ["2027-03-26", "2027-10-29", "2028-03-24"],
        "America/New_York": ["2027-03-12", "2027-11-05", "2028-03-10"],
        "Australia/Lord_Howe": ["2027-04-02", "2027-10-01", "2028-03-31"],
        "Asia/Kathmandu": ["2027-01-01", "1985-12-30"],
        "America/Sao_Paulo": ["2027-01-01", "2018-11-02", "2018-02-16"],
        "Pacific/Apia": ["2011-12-28"],
    }
    for zone, starts in changes.items():
        for start in starts:
            day = lambda n: str(date.fromisoformat(start) + timedelta(n))
            yield dict(name="odd hours", zone=zone, hours=ODD_HOURS, dayparts=ODD_PARTS,
                       exceptions={day(2): [["00:30", "02:35"], ["22:00", "05:00"]], day(5): []},
                       at=[[WEEK, "02:15"], [WEEK, "00:00"], ["sun", "01:45"]], before_close=10, start=start, days=9)
            yield dict(name="round the clock", zone=zone, hours=ALWAYS, dayparts=ODD_PARTS + [
                part("sun mon", "01:00", "03:00", 5, day(1), day(3))], at=[[WEEK, "23:59"]], start=start, days=9)


def minutes(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def transitions(zone, first, last):
    """The zone as a release would carry it, found by looking at every quarter of an hour and then at every second."""
    offset = lambda t: int(datetime.fromtimestamp(t, timezone.utc).astimezone(zone).utcoffset().total_seconds())
    found, begin = [], offset(first)
    for t in range(first, last, 900):
        if offset(t) != offset(t + 900):
            low, high = t, t + 900
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append({"at_utc_ms": high * 1000, "offset_s": offset(high)})
    return {"offset_s": begin, "transitions": found}


def work_out(case):
    zone = ZoneInfo(case["zone"])
    start = date.fromisoformat(case["start"])
    utc = lambda d: int(datetime(d.year, d.month, d.day, tzinfo=timezone.utc).timestamp())
    first, last = utc(start), utc(start + timedelta(case["days"]))
    # Three days more on each side, so that what is asked for is never at the edge.
    begin, end = first - 3 * 86400, last + 3 * 86400
    epoch = datetime(1970, 1, 1)
    walls = []
    for t in range(begin, end, 60):
        wall = datetime.fromtimestamp(t, timezone.utc).astimezone(zone).replace(tzinfo=None)
        walls.append(int((wall - epoch).total_seconds()) // 60)
    most = list(accumulate(walls, max))

    def instant(day, minute):
        return begin + 60 * bisect_left(most, (day - date(1970, 1, 1)).days * 1440 + minute)

    def stretch(day, start_text, end_text):
        a, b = minutes(start_text), minutes(end_text)
        return instant(day, a), instant(day, b if b > a else b + 1440)

    dates = [start + timedelta(n) for n in range(-2, case["days"] + 2)]
    exceptions = case.get("exceptions", {})
    opened = [False] * len(walls)
    for day in dates:
        if str(day) in exceptions:
            windows = exceptions[str(day)]
        else:
            windows = [[w["from"], w["to"]] for w in case["hours"] if DAYS[day.weekday()] in w["days"]]
        for a, b in windows:
            a, b = stretch(day, a, b)
            for t in range(a, b, 60):
                opened[(t - begin) // 60] = True
    held = [None] * len(walls)
    rank = lambda no: (-case["dayparts"][no]["priority"], case["dayparts"][no]["first"] is None, no)
    for no in sorted(range(len(case["dayparts"])), key=rank, reverse=True):
        p = case["dayparts"][no]
        for day in dates:
            if DAYS[day.weekday()] in p["days"] and (p["first"] is None or p["first"] <= str(day) <= p["last"]):
                a, b = stretch(day, p["from"], p["to"])
                for t in range(a, b, 60):
                    held[(t - begin) // 60] = no
    inside = range((first - begin) // 60, (last - begin) // 60)

    def runs(values):
        found = []
        for n in inside:
            if not found or found[-1][1] != values[n]:
                found.append([begin + 60 * n, values[n]])
        return found

    moments = sorted({instant(day, minutes(time)) for days, time in case.get("at", []) for day in dates
                      if DAYS[day.weekday()] in days.split() and first <= instant(day, minutes(time)) < last})
    before_close = []
    if "before_close" in case:
        for n in range(1, len(walls) - 1):
            if opened[n - 1] and not opened[n]:
                at = n - case["before_close"]
                if first <= begin + 60 * at < last and all(opened[at:n]):
                    before_close.append(begin + 60 * at)
    case["zone_data"] = transitions(zone, first - 30 * 86400, last + 30 * 86400)
    case["expected"] = {"from": first, "to": last, "open": runs(opened), "daypart": runs(held), "at": moments,
                        "before_close": before_close}
    return case


json.dump([work_out(case) for case in cases()], sys.stdout, separators=(",", ":"))
print()
