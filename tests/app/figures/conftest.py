import pandas as pd
import pytest


@pytest.fixture
def errors() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "true_region": ["1", "1", "2", "10"],
            "region": ["1", "2", "2", "10"],
            "true_angle": [350.0, 10.0, 90.0, 180.0],
            "error_m": [4.0, 8.0, 20.0, 100.0],
            "error_refined_m": [2.0, 6.0, 12.0, 60.0],
            "heading_error_deg": [0.0, 30.0, 90.0, 180.0],
            "heading_error_refined_deg": [2.0, 10.0, 45.0, 179.0],
        }
    )
