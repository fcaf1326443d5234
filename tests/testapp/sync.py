"""Registers every model of the app but one, in each way that a host may."""

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
):
    sync.register(model)

sync.register(models.Line, events={"line.statusChanged": ["status"]})
sync.register(models.Memo, audience="team:{team_id}", events={"memo.changed": sync.ANY_CHANGE})
sync.register(models.Draft, exclude=["scratch"])
sync.register(models.Account, exclude=["password", "api_token"])
