"""Inspects a running system: doctor, status, top, logs of one request, bundle. Changes nothing."""
