"""Days and seconds of the day, to which every event of the lake refers."""

from __future__ import annotations

from lake_assets.contract.model import Identity, Table
from lake_assets.contract.tables._columns import business_id, char, day, flag, key, whole

DATE_DIM = Table(
    name="date_dim",
    comment="Calendar; one row per day from 1900-01-02 to 2100-01-01.",
    columns=(
        key(
            "d_date_sk",
            "Julian day number, 2440588 for 1970-01-01; every date column of the lake holds one.",
            nullable=False,
            low=2_415_022,
            high=2_488_070,
        ),
        business_id("d_date_id", "Code of the day in the source system."),
        day("d_date", "The calendar date.", filled=True),
        whole(
            "d_month_seq",
            "Months since January 1900, which is 0; for comparing months across years.",
            low=0,
            high=2400,
            filled=True,
        ),
        whole(
            "d_week_seq",
            "Weeks since the calendar begins, the first being 1; weeks run from Tuesday to Monday.",
            low=1,
            high=10_436,
            filled=True,
        ),
        whole(
            "d_quarter_seq",
            "Quarters since the calendar begins, the first being 1; it steps on in March, June, September and "
            "December, a month too early.",
            low=1,
            high=801,
            filled=True,
        ),
        whole("d_year", "Calendar year, such as 2000.", low=1900, high=2100, filled=True),
        whole("d_dow", "Day of the week, 0 for Sunday to 6 for Saturday.", low=0, high=6, filled=True),
        whole("d_moy", "Month of the year, 1 to 12.", low=1, high=12, filled=True),
        whole("d_dom", "Day of the month, 1 to 31.", low=1, high=31, filled=True),
        whole(
            "d_qoy",
            "Quarter of the year, 1 to 4; outside leap years 1 April, 1 July and 1 October still count to the "
            "quarter before.",
            low=1,
            high=4,
            filled=True,
        ),
        whole("d_fy_year", "Fiscal year; always equal to the calendar year.", low=1900, high=2100, filled=True),
        whole(
            "d_fy_quarter_seq",
            "Fiscal quarters since the calendar begins; always equal to d_quarter_seq.",
            low=1,
            high=801,
            filled=True,
        ),
        whole(
            "d_fy_week_seq",
            "Fiscal weeks since the calendar begins; always equal to d_week_seq.",
            low=1,
            high=10_436,
            filled=True,
        ),
        char(
            "d_day_name",
            9,
            "English name of the day of the week, such as Monday.",
            values=("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
            filled=True,
        ),
        char(
            "d_quarter_name",
            6,
            "Year and quarter as one label, such as 2000Q1; built from d_qoy and wrong where d_qoy is.",
            pattern="[0-9]{4}Q[1-4]",
            filled=True,
        ),
        flag(
            "d_holiday",
            "Y on a public holiday; only 3 or 4 days a year carry it, not always the right ones.",
            filled=True,
        ),
        flag("d_weekend", "Y on the weekend, which in this data is Friday and Saturday.", filled=True),
        flag("d_following_holiday", "Y on the day after a holiday.", filled=True),
        whole(
            "d_first_dom",
            "Julian day number of the first day of the month.",
            low=2_415_021,
            high=2_488_070,
            filled=True,
        ),
        whole(
            "d_last_dom",
            "Meant as the Julian day number of the last day of the month, but wrong on nearly every row.",
            low=2_415_020,
            high=2_488_372,
            filled=True,
        ),
        whole(
            "d_same_day_ly",
            "Julian day number of the same day a year before.",
            low=2_414_657,
            high=2_487_705,
            filled=True,
        ),
        whole(
            "d_same_day_lq",
            "Julian day number of the same day a quarter before, which is 90 to 92 days earlier.",
            low=2_414_930,
            high=2_487_978,
            filled=True,
        ),
        flag("d_current_day", "Y on the day the data counts as today; never set in this data.", filled=True),
        flag(
            "d_current_week", "Y in the week the data counts as the current one; never set in this data.", filled=True
        ),
        flag(
            "d_current_month", "Y in the month the data counts as the current one, which is January 2003.", filled=True
        ),
        flag(
            "d_current_quarter",
            "Y in the quarter the data counts as the current one, the first of 2003 by d_qoy.",
            filled=True,
        ),
        flag("d_current_year", "Y in the year the data counts as the current one, which is 2003.", filled=True),
    ),
    primary_key=("d_date_sk",),
    sort_by="d_date_sk",
    business_key="d_date_id",
    also_unique=("d_date",),
    identities=(
        Identity("d_month_seq", "(d_year - 1900) * 12 + d_moy - 1"),
        Identity("d_fy_year", "d_year"),
        Identity("d_fy_quarter_seq", "d_quarter_seq"),
        Identity("d_fy_week_seq", "d_week_seq"),
        Identity("d_first_dom", "d_date_sk - d_dom + 1"),
    ),
)

TIME_DIM = Table(
    name="time_dim",
    comment="Clock; one row per second of the day.",
    columns=(
        key(
            "t_time_sk",
            "Second of the day, 0 to 86399; every time column of the lake holds one.",
            nullable=False,
            low=0,
            high=86_399,
        ),
        business_id("t_time_id", "Code of the second in the source system."),
        whole("t_time", "Seconds since midnight; always equal to t_time_sk.", low=0, high=86_399, filled=True),
        whole("t_hour", "Hour of the day, 0 to 23.", low=0, high=23, filled=True),
        whole("t_minute", "Minute of the hour, 0 to 59.", low=0, high=59, filled=True),
        whole("t_second", "Second of the minute, 0 to 59.", low=0, high=59, filled=True),
        char("t_am_pm", 2, "AM before noon, PM from noon on.", values=("AM", "PM"), filled=True),
        char(
            "t_shift",
            20,
            "Working shift: first from 7 to 14 h, second from 15 to 22 h, third from 23 to 6 h.",
            values=("first", "second", "third"),
            filled=True,
        ),
        char(
            "t_sub_shift",
            20,
            "Part of the day: night, morning, afternoon or evening.",
            values=("night", "morning", "afternoon", "evening"),
            filled=True,
        ),
        char(
            "t_meal_time",
            20,
            "Meal usual at the time: breakfast, lunch or dinner; NULL for 14 of the 24 hours.",
            values=("breakfast", "lunch", "dinner"),
        ),
    ),
    primary_key=("t_time_sk",),
    sort_by="t_time_sk",
    business_key="t_time_id",
    also_unique=("t_time",),
    identities=(
        Identity("t_time_sk", "t_time"),
        Identity("t_time", "t_hour * 3600 + t_minute * 60 + t_second"),
    ),
)
