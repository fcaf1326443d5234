"""Registers the models of the app but a few, in each way that a host may."""

import sync
from tests.testapp import models

for model in (
    models.Everything,
    models.Stamped,
    models.Ticket,
    models.Seat,
    models.Owner,
    models.Cascaded,
    models.CascadedDeeper,
    models.Nulled,
    models.Defaulted,
    models.Restricted,
    models.Node,
    models.Label,
    models.Reader,
    models.Article,
    models.Article.labels.through,
    models.Article.related.through,
    models.Reading,
    models.Comment,
    models.Place,
    models.Restaurant,
    models.Stock,
    models.Team,
    models.Branch,
    models.Person,
    models.Profile,
    models.Club,
    models.Club.members.through,
    models.Chapter,
    models.Vehicle,
    models.Cargo,
    models.Truck,
    models.RefrigeratedTruck,
    models.Cautious,
    models.Booking,
    models.Named,
    models.Reckoned,
    *(models.spreading.SPREADING if hasattr(models, "spreading") else ()),
):
    sync.register(model)

sync.register(models.Line, events={"line.statusChanged": ["status"]})
sync.register(models.Memo, audience="team:{team_id}", events={"memo.changed": sync.ANY_CHANGE})
sync.register(models.Coupon, audience="room:{room}")
sync.register(models.Draft, exclude=["scratch"])
sync.register(models.Account, exclude=["password", "api_token"])
