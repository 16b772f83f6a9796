"""Notifications: tell people of blocked orders by webhook and e-mail, without their looking."""
