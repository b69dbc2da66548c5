"""What pydantic says of a value, in French: its own sentences are English only."""

from __future__ import annotations

__all__ = ["FRENCH"]

# Type of an error (pydantic's list, "Validation errors") -> sentence; names are those of its `ctx`.
FRENCH: dict[str, str] = {
    "bool_parsing": "attendu true ou false",
    "bool_type": "attendu true ou false",
    "date_from_datetime_inexact": "attendu une date sans heure",
    "date_from_datetime_parsing": "attendu une date comme 2026-03-02",
    "date_parsing": "attendu une date comme 2026-03-02",
    "date_type": "attendu une date comme 2026-03-02",
    "datetime_from_date_parsing": "attendu une date et une heure",
    "datetime_parsing": "attendu une date et une heure",
    "datetime_type": "attendu une date et une heure",
    "dict_type": "attendu une table",
    "enum": "attendu {expected}",
    "finite_number": "attendu un nombre fini",
    "float_parsing": "attendu un nombre",
    "float_type": "attendu un nombre",
    "frozen_set_type": "attendu une liste",
    "greater_than": "attendu plus de {gt}",
    "greater_than_equal": "attendu {ge} ou plus",
    "int_from_float": "attendu un nombre entier",
    "int_parsing": "attendu un nombre entier",
    "int_parsing_size": "nombre trop long",
    "int_type": "attendu un nombre entier",
    "less_than": "attendu moins de {lt}",
    "less_than_equal": "attendu {le} ou moins",
    "list_type": "attendu une liste",
    "literal_error": "attendu {expected}",
    "mapping_type": "attendu une table",
    "model_attributes_type": "attendu une table",
    "model_type": "attendu une table",
    "string_pattern_mismatch": "attendu une chaîne de la forme {pattern}",
    "string_too_long": "attendu {max_length} caractères au plus",
    "string_too_short": "attendu {min_length} caractères au moins",
    "string_type": "attendu une chaîne",
    "too_long": "attendu {max_length} éléments au plus, il y en a {actual_length}",
    "too_short": "attendu {min_length} éléments au moins, il y en a {actual_length}",
    "tuple_type": "attendu une liste",
}
