"""Views of the records: terminal, progress, pictures and Allure. Nothing here decides anything."""
