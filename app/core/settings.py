"""What a deployment sets, read from the environment once."""

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every variable has the prefix DOORSTEP_, but for the two that hosts set themselves."""

    model_config = SettingsConfigDict(env_prefix="DOORSTEP_", extra="ignore", populate_by_name=True)

    database_url: str
    redis_url: str
    secret_key: SecretStr
    data: Path = Path(".doorstep")
    public_url: str = "http://127.0.0.1:8000"
    currency: str = "EUR"
    time_zone: str = "Europe/Lisbon"
    blob_url: str | None = None
    blob_endpoint: str | None = None
    blob_access_key_id: str | None = None
    blob_secret_access_key: SecretStr | None = None
    blob_region: str | None = None
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_from: str | None = None
    twilio_whatsapp_from: str | None = None
    twilio_base_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    smtp_start_tls: bool = True
    carrier_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    private_hosts: str = ""
    edi_folder: Path | None = None
    access_token_minutes: int = 15
    refresh_token_days: int = 30
    solver_processes: int = 2
    osrm_url: str | None = None
    osrm_block: int = 50
    road_extract: Path | None = None
    database_pool_size: int = 20


@lru_cache
def settings() -> Settings:
    """The settings of this process. DATABASE_URL and REDIS_URL carry no prefix."""
    unprefixed = {
        name: os.environ[name.upper()] for name in ("database_url", "redis_url") if name.upper() in os.environ
    }
    return Settings(**unprefixed)  # type: ignore[arg-type]  # pydantic reads the rest from the environment
