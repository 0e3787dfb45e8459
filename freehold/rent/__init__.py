"""Rented machines: chosen by price and fit, written down before they are made, and proven gone."""
