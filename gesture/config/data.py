"""Settings of `data.download`: which files, from where, and how they are known to be right."""

import re

from pydantic import Field, ValidationInfo, field_validator, model_validator

from gesture.base.settings import Settings
from gesture.config.address import is_plain, may_be_secret

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class RemoteFile(Settings):
    """One file to download."""

    name: str = Field(..., pattern=_NAME, description="Name of the file on disk.")
    urls: list[str] = Field(
        ...,
        min_length=1,
        description="Where it is; the first that gives it is used. Links to Nextcloud shares are fine. `${NAME}` is an "
        "environment variable, filled in when the file is asked for: write tokens and signatures so.",
    )
    sha256: str | None = Field(None, description="Expected SHA-256 [64 hexadecimal digits].")
    sha1: str | None = Field(None, description="Expected SHA-1, where no SHA-256 is known [40 hexadecimal digits].")
    unpack: bool = Field(False, description="It is a zip or tar archive, and the raw files are in it.")

    @field_validator("urls")
    @classmethod
    def _plain_urls(cls, value: list[str]) -> list[str]:
        for number, url in enumerate(value, 1):  # not shown: it may hold a password
            if not is_plain(url):
                raise ValueError(
                    f"entry {number} should be http:// or https:// with a host; user and password belong in "
                    "the environment: see `user_env` and `password_env`"
                )
            if secret := may_be_secret(url):
                raise ValueError(
                    f"entry {number}: {secret} may be a secret, and the settings are kept and reported: put its value "
                    "into an environment variable, and ${NAME_OF_IT} in its place"
                )
        return value

    @field_validator("sha256", "sha1")
    @classmethod
    def _digits(cls, value: str | None, info: ValidationInfo) -> str | None:
        length = {"sha256": 64, "sha1": 40}[str(info.field_name)]
        if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
            raise ValueError(f"should be {length} hexadecimal digits, got {value!r}")
        return value and value.lower()

    @property
    def checksums(self) -> dict[str, str]:
        """Algorithm -> expected digest, of those that are given."""
        return {name: value for name, value in (("sha256", self.sha256), ("sha1", self.sha1)) if value}


class Download(Settings):
    """Where to get the raw files from."""

    files: list[RemoteFile] = Field(..., min_length=1, description="The files, downloaded in this order.")
    subfolder: str | None = Field(
        None, description="Folder in the unpacked archives that the raw files are in, if they are not at the top."
    )
    user_env: str | None = Field(None, description="Environment variable that holds the user, if the server asks.")
    password_env: str | None = Field(None, description="Environment variable that holds the password.")

    @field_validator("subfolder")
    @classmethod
    def _below(cls, value: str | None) -> str | None:
        if value is not None and (value.startswith("/") or ".." in value.split("/")):
            raise ValueError(f"should be a path below the unpacked archives, got {value!r}")
        return value

    @model_validator(mode="after")
    def _distinct_and_complete(self) -> "Download":
        names = [file.name for file in self.files]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"files: name {', '.join(repeated)} is given twice")
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("give both `user_env` and `password_env`, or neither")
        return self
