"""Times are written as on a clock with 24 hours; everything the portal shows is UTC."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j F Y, H:i"
