"""Adapters to WMS, OMS, TMS and ERP systems."""
