"""What an ensemble says about its members and how they were weighed; imports no torch."""

from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

MEMBERS = "members"
Weighing = Literal["uniform", "softmax", "fitted"]


class MemberCard(BaseModel):
    """One member: its folder under `members/`, its share of the answer, and where it came from.

    `weights` is the content name of its network's file, so that no other network takes its place;
    `metrics` are its own figures on the validation part, refined answers unless they say raw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[^/\\.][^/\\]*$")
    weight: float = Field(ge=0, le=1)
    weights: str
    created: str
    command: str
    metrics: dict[str, float]


class EnsembleCard(BaseModel):
    """The members of an ensemble, by falling weight, and how their answers become one.

    `rule` says in words how the weights were chosen, `photos` on how many validation photos. Where
    a member lies more than `agree_m` metres from the weighted mean, the medoid answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: tuple[MemberCard, ...] = Field(min_length=2)
    lead: str
    weighing: Weighing
    temperature: float | None = None
    rule: str
    photos: int
    agree_m: float = Field(ge=0)

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names) or self.lead not in names:
            raise ValueError("members need names of their own, one of which is the lead")
        if not np.isclose(sum(member.weight for member in self.members), 1.0, atol=1e-6):
            raise ValueError("the members' weights must add up to 1")
        return self
